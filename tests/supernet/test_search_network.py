import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.supernet.choice import Mixed, Sampled, SampledOperation
from eoinas_tf.supernet.search_network import SearchNetwork

# Tracing takes most of the time.
FEW_OPERATIONS = ("none", "max_pool_3x3", "sep_conv_3x3", "dil_conv_5x5")


@pytest.fixture(scope="module")
def network():
    return SearchNetwork(image_shape=(8, 6, 1), num_classes=3, init_channels=4, cells=3)


def images(batch=2):
    return tf.constant(np.random.default_rng(0).normal(size=(batch, 8, 6, 1)).astype(np.float32))


def sample(seed, operations=8):
    return Sampled(tf.constant(np.random.default_rng(seed).integers(0, operations, (2, 14)), tf.int32))


def test_weights_are_one_vector_an_edge(network):
    # 14 edges and 2 fitting layers a cell (the third cell's first one, after a reduction, has two kernels), the
    # stem, and the classifier's kernel and bias.
    assert len(network.trainable_variables) == 14 * 3 + (2 + 2 + 3) + 1 + 2
    assert network.cell_types == (0, 1, 1)


def test_logits_for_any_sample(network):
    for seed in range(3):
        logits = network(images(), sample(seed))
        assert logits.shape == (2, 3)
        assert np.isfinite(logits).all()


def test_cells_read_nodes_after_a_relu_and_the_classifier_reads_them_without(network):
    index = sample(4)
    before_previous = previous = network.stem_normalization(network.stem(images()))
    for cell, cell_type in zip(network.cells, network.cell_types, strict=True):
        choices = [SampledOperation(operation) for operation in tf.unstack(index.operation_index[cell_type])]
        nodes = cell(tf.maximum(before_previous, 0), tf.maximum(previous, 0), choices)
        before_previous, previous = previous, tf.concat(nodes, -1)
    assert np.min(previous) < 0 < np.max(previous)
    expected = network.classifier(tf.reduce_mean(previous, axis=[1, 2]))
    np.testing.assert_allclose(network(images(), index), expected, rtol=1e-5, atol=1e-5)


def test_cells_of_a_type_share_the_sample(network):
    skip, none = OPERATION_NAMES.index("skip_connect"), OPERATION_NAMES.index("none")
    normal_only = Sampled(tf.constant([[skip] * 14, [none] * 14]))
    # With `none` everywhere in both reduction cells, only the classifier's bias is left.
    logits = network(images(), normal_only)
    np.testing.assert_allclose(logits, np.tile(network.classifier.bias, (2, 1)), atol=1e-6)
    assert np.ptp(network(images(), Sampled(tf.constant([[skip] * 14] * 2))), axis=0).max() > 1e-3


def test_other_samples_do_not_trace_again():
    network = SearchNetwork((8, 8, 1), 3, init_channels=2, cells=3, operation_names=FEW_OPERATIONS)

    @tf.function
    def weight_step(inputs, index):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(inputs, index))
        return tape.gradient(loss, network.trainable_variables)

    inputs = tf.ones([2, 8, 8, 1])
    weight_step(inputs, sample(0, len(FEW_OPERATIONS)))
    traces = network.trace_count()
    # Five kinds of edge at most: a normal cell's, and stride 2 and 1 in each of the two reduction cells.
    assert traces == 5
    for seed in range(1, 5):
        weight_step(inputs, sample(seed, len(FEW_OPERATIONS)))
    assert network.trace_count() == traces
    assert weight_step.experimental_get_tracing_count() == 1


def test_mixtures_of_one_operation_equal_samples():
    network = SearchNetwork(image_shape=(8, 8, 1), num_classes=3, init_channels=2, cells=3)
    inputs, index = tf.constant(np.random.default_rng(0).normal(size=(2, 8, 8, 1)), tf.float32), sample(3)
    one_hot = tf.one_hot(index.operation_index, 8)
    expected = network(inputs, index)
    for living in (one_hot > 0, tf.ones([2, 14, 8], tf.bool)):
        np.testing.assert_allclose(network(inputs, Mixed(one_hot, living)), expected, rtol=1e-4, atol=1e-5)


def test_dropping_from_a_mixture_does_not_trace_again_and_drops():
    network = SearchNetwork((8, 8, 1), 3, init_channels=2, cells=3, operation_names=FEW_OPERATIONS)
    weights = tf.constant(np.random.default_rng(0).uniform(size=(2, 14, 4)), tf.float32)

    @tf.function
    def weight_step(inputs, living):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(inputs, Mixed(weights, living)) ** 2)
        return tape.gradient(loss, network.trainable_variables)

    inputs = tf.constant(np.random.default_rng(1).normal(size=(2, 8, 8, 1)), tf.float32)
    weight_step(inputs, tf.ones([2, 14, 4], tf.bool))
    assert network.trace_count() == 5
    without_convolutions = np.ones((2, 14, 4), bool)
    without_convolutions[..., 2:] = False
    weight_step(inputs, tf.constant(without_convolutions))
    assert network.trace_count() == 5
    assert weight_step.experimental_get_tracing_count() == 1
    edge = network.cells[0].edges[3]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(inputs, Mixed(weights, tf.constant(without_convolutions))) ** 2)
    gradient = tape.gradient(loss, edge.operation_weights.value)
    assert gradient is None or not np.any(gradient)


def test_candidate_subset():
    small = SearchNetwork((8, 8, 3), 2, init_channels=2, cells=3, operation_names=("none", "skip_connect"))
    assert small(tf.ones([1, 8, 8, 3]), Sampled(tf.ones([2, 14], tf.int32))).shape == (1, 2)
