"""Layers and edges compute the same with and without a CPU's kernels, and use them only in graphs of known shape."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from kernel_checks import (
    assert_same,
    every_normalization,
    random_images,
    set_thresholds,
    values_and_gradients,
    with_and_without_onednn,
)

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.space.convolution_blocks import (
    BatchNormalization,
    BatchStandardization,
    DepthwiseSeparableUnit,
    FactorizedReduction,
    PointwiseConvolution,
)
from eoinas_tf.supernet.candidate_operations import CandidateOperations

pytestmark = pytest.mark.usefixtures("any_size")


@pytest.mark.parametrize(("height", "width"), [(8, 6), (7, 6), (6, 5)])
def test_a_factorized_reduction_is_the_same_with_cpu_kernels(generator, monkeypatch, height, width):
    layer, inputs = FactorizedReduction(4, affine=False), random_images(generator, height, width)
    layer.build(inputs.shape)
    fast = values_and_gradients(layer, inputs)
    monkeypatch.setattr(kernel_policy, "MIN_ELEMENTS_TO_COMPILE", 2**60)
    for found, expected in zip(fast, values_and_gradients(layer, inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@every_normalization
def test_batch_normalization_trains_and_remembers_as_keras_does(generator):
    inputs = random_images(generator, 6, 5)
    fast, plain = (kind(momentum=0.8) for kind in (BatchNormalization, keras.layers.BatchNormalization))
    for layer in (fast, plain):
        layer.build(inputs.shape)
        layer.gamma.assign([0.5, -2.0, 3.0])
        layer.beta.assign([1.0, 0.0, -1.0])
    assert_same(lambda tensor: fast(tensor, training=True), lambda tensor: plain(tensor, training=True), inputs)
    assert_same(lambda tensor: fast(tensor, training=False), lambda tensor: plain(tensor, training=False), inputs)
    for found, expected in zip(fast.variables, plain.variables, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.ptp(fast.moving_mean) > 0


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_batch_normalization_in_half_precision_is_keras_s_to_the_bit(generator, dtype):
    inputs = random_images(generator, 6, 5)
    ours, keras_own = (kind(dtype=dtype) for kind in (BatchNormalization, keras.layers.BatchNormalization))
    outputs = [layer(inputs, training=True) for layer in (ours, keras_own)]
    assert outputs[0].dtype == outputs[1].dtype == dtype.removeprefix("mixed_")
    np.testing.assert_array_equal(*(tf.cast(tensor, tf.float32) for tensor in outputs))
    for found, expected in zip(ours.variables, keras_own.variables, strict=True):
        np.testing.assert_array_equal(found, expected)


@with_and_without_onednn
@pytest.mark.parametrize(("stride", "train_weights"), [(1, True), (1, False), (2, True)])
def test_an_edge_runs_each_operation_as_without_cpu_kernels(generator, monkeypatch, stride, train_weights):
    """Compiled functions have their own pitfalls in branches, so all operations are run through one."""
    inputs = random_images(generator, 8, 8, channels=4)
    weights = CandidateOperations(4, stride).initial_weights()
    results = []
    for min_elements in (0, 2**60):
        set_thresholds(monkeypatch, min_elements)
        edge = CandidateOperations(4, stride)

        @tf.function(autograph=False)
        def run(operation, edge=edge):
            watched = [inputs, weights] if train_weights else [inputs]
            with tf.GradientTape() as tape:
                tape.watch(watched)
                outputs = edge(inputs, weights, operation, train_weights)
                total = tf.reduce_sum(outputs**3)
            gradients = tape.gradient(total, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return outputs, *gradients

        results.append([run(tf.constant(operation)) for operation in range(len(edge.operation_names))])
    for fast, plain in zip(*results, strict=True):
        for found, expected in zip(fast, plain, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize(
    "layer",
    [BatchStandardization(), DepthwiseSeparableUnit(4, 3), PointwiseConvolution(6, 1, use_bias=False)],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_calls_cpu_kernels_in_a_graph_of_known_shape_only(layer, monkeypatch):
    asked = []
    use_cpu_kernels = kernel_policy.use_cpu_kernels

    def answer(inputs, min_elements=None):
        asked.append(use_cpu_kernels(inputs, min_elements))
        return asked[-1]

    monkeypatch.setattr(kernel_policy, "use_cpu_kernels", answer)
    inputs = tf.random.stateless_normal([2, 6, 6, 4], [0, 0])
    eager = layer(inputs)
    assert asked
    assert not any(asked)
    any_batch = tf.function(layer, input_signature=[tf.TensorSpec([None, 6, 6, 4])], autograph=False)(inputs)
    assert not any(asked)
    known = tf.function(layer, autograph=False)(inputs)
    assert any(asked)
    np.testing.assert_allclose(any_batch, eager, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(known, eager, rtol=1e-5, atol=1e-5)
