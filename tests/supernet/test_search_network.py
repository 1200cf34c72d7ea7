import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.supernet.search_network import SearchNetwork


@pytest.fixture(scope="module")
def network():
    return SearchNetwork(image_shape=(8, 6, 1), num_classes=3, init_channels=4, cells=3)


def images(batch=2):
    return tf.constant(np.random.default_rng(0).normal(size=(batch, 8, 6, 1)).astype(np.float32))


def sample(seed):
    return tf.constant(np.random.default_rng(seed).integers(0, 8, (2, 14)), tf.int32)


def test_alpha_starts_at_zero_and_everything_lives(network):
    assert network.operation_logits.shape == (2, 14, 8)
    assert not np.any(network.operation_logits)
    assert np.all(network.living_operations)
    assert network.operation_names == OPERATION_NAMES


def test_alpha_is_no_weight_and_the_mask_is_not_trained(network):
    names = [weight.path for weight in network.network_weights]
    assert len(names) == len(network.trainable_variables) - 1
    assert not any("operation_logits" in name or "living" in name for name in names)


def test_weights_are_one_vector_an_edge(network):
    # 14 edges and 2 fitting layers a cell (the third cell's first one, after a reduction, has two kernels), the
    # stem, and the classifier's kernel and bias.
    assert len(network.network_weights) == 14 * 3 + (2 + 2 + 3) + 1 + 2
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
        nodes = cell(tf.maximum(before_previous, 0), tf.maximum(previous, 0), tf.unstack(index[cell_type]))
        before_previous, previous = previous, tf.concat(nodes, -1)
    assert np.min(previous) < 0 < np.max(previous)
    expected = network.classifier(tf.reduce_mean(previous, axis=[1, 2]))
    np.testing.assert_allclose(network(images(), index), expected, rtol=1e-5, atol=1e-5)


def test_cells_of_a_type_share_the_sample(network):
    skip, none = OPERATION_NAMES.index("skip_connect"), OPERATION_NAMES.index("none")
    normal_only = tf.constant([[skip] * 14, [none] * 14])
    # With nothing in both reduction cells, only the classifier's bias is left.
    logits = network(images(), normal_only)
    np.testing.assert_allclose(logits, np.tile(network.classifier.bias, (2, 1)), atol=1e-6)
    assert np.ptp(network(images(), tf.constant([[skip] * 14] * 2)), axis=0).max() > 1e-3


def test_dropping_operations_and_other_samples_do_not_trace_again():
    network = SearchNetwork(image_shape=(8, 8, 1), num_classes=3, init_channels=2, cells=3)

    @tf.function
    def weight_step(inputs, index):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(inputs, index))
        return tape.gradient(loss, network.network_weights)

    inputs = tf.ones([2, 8, 8, 1])
    weight_step(inputs, sample(0))
    traces = network.trace_count()
    # Five kinds of edge at most: a normal cell's, and stride 2 and 1 in each of the two reduction cells.
    assert traces == 5
    network.living_operations.assign(np.arange(8) % 2 == 0 & np.ones((2, 14, 8), bool))
    for seed in range(1, 5):
        weight_step(inputs, sample(seed))
    assert network.trace_count() == traces
    assert weight_step.experimental_get_tracing_count() == 1


def test_candidate_subset():
    small = SearchNetwork((8, 8, 3), 2, init_channels=2, cells=3, operation_names=("none", "skip_connect"))
    assert small.operation_logits.shape == (2, 14, 2)
    assert small(tf.ones([1, 8, 8, 3]), tf.ones([2, 14], tf.int32)).shape == (1, 2)
