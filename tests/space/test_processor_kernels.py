"""Every compiled kernel gives what the plain functions give, values and gradients, alone and in an edge's branch."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.space import processor_kernels
from eoinas_tf.space.convolution_blocks import (
    BatchNormalization,
    BatchStandardization,
    DepthwiseConvolution,
    DepthwiseSeparableUnit,
    FactorizedReduction,
    PointwiseConvolution,
)
from eoinas_tf.space.operations import build_operation
from eoinas_tf.space.ordered_sums import ordered_sum
from eoinas_tf.space.spatial_functions import depthwise_convolution, maximum_pooling, subsample
from eoinas_tf.supernet.candidate_operations import CandidateOperations

SIDES = [(9, 7), (8, 8), (5, 6)]


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    """Lets the small images of these tests count as large ones, and their few channels as a vector's."""
    for fewest in ("FEWEST_NUMBERS", "FEWEST_NUMBERS_TO_CONVOLVE", "FEWEST_NUMBERS_TO_POOL"):
        monkeypatch.setattr(processor_kernels, fewest, 0)
    monkeypatch.setattr(processor_kernels, "ONEDNN_CHANNELS", 1)


@pytest.fixture(params=[True, False], ids=["onednn", "no-onednn"])
def _onednn(request, monkeypatch):
    """Once with the kernels that are chosen where oneDNN is on, once with those where it is off."""
    monkeypatch.setattr(processor_kernels, "has_onednn", lambda: request.param)


either_way = pytest.mark.usefixtures("_onednn")


def values_and_gradients(function, *arguments):
    """Runs in a graph: the output, then the gradient of a weighted sum of it for each argument."""

    @tf.function(autograph=False)
    def run(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = function(*tensors)
        weights = tf.random.stateless_normal(tf.shape(outputs), [1, 2])
        return outputs, *tape.gradient(outputs, tensors, weights)

    return [result.numpy() for result in run(*arguments)]


def assert_same(fast, plain, *arguments):
    for found, expected in zip(
        values_and_gradients(fast, *arguments), values_and_gradients(plain, *arguments), strict=True
    ):
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def images(generator, height, width, channels=3, batch=4):
    return tf.constant(generator.normal(2, 3, [batch, height, width, channels]).astype(np.float32))


def test_add_keeps_the_order(generator):
    """In another order these numbers would be lost in the large one."""
    terms = [tf.constant([value], tf.float32) for value in (1e8, -1e8, 1.0, 0.5)]
    total, *gradients = values_and_gradients(lambda *tensors: ordered_sum(tensors), *terms)
    assert total == [1.5]
    assert len({float(gradient[0]) for gradient in gradients}) == 1
    assert values_and_gradients(lambda *tensors: ordered_sum(tensors), *terms[2:], *terms[:2])[0] == [0.0]


@either_way
@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("batch", [3, 4, 6, 8])
def test_standardize(generator, height, width, batch):
    def plain(inputs):
        mean, variance = tf.nn.moments(inputs, [0, 1, 2])
        return (inputs - mean) / tf.sqrt(variance + 0.1)

    inputs = images(generator, height, width, batch=batch)
    assert_same(lambda inputs: processor_kernels.standardize(inputs, 0.1), plain, inputs)


@either_way
@pytest.mark.parametrize(("height", "width"), SIDES)
def test_normalize(generator, height, width):
    def plain(inputs, scale, offset):
        mean, variance = tf.nn.moments(inputs, [0, 1, 2])
        return scale * (inputs - mean) / tf.sqrt(variance + 0.1) + offset

    scale, offset = (tf.constant(generator.normal(size=3).astype(np.float32)) for _ in range(2))
    inputs = images(generator, height, width)
    assert_same(lambda *arguments: processor_kernels.normalize(*arguments, 0.1)[0], plain, inputs, scale, offset)
    for found, expected in zip(
        processor_kernels.normalize(inputs, scale, offset, 0.1)[1:], tf.nn.moments(inputs, [0, 1, 2]), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_diagonal_pixels(generator):
    weights = tf.constant(generator.normal(size=3).astype(np.float32))

    def combined(even, odd):
        return even * weights[0] + odd * weights[1]

    assert_same(
        lambda inputs: combined(*processor_kernels.diagonal_pixels(inputs)),
        lambda inputs: combined(subsample(inputs), subsample(inputs, first=1)),
        images(generator, 6, 4),
    )


@pytest.mark.parametrize(("height", "width"), SIDES)
def test_even_pixels(generator, height, width):
    assert_same(processor_kernels.even_pixels, subsample, images(generator, height, width))


@pytest.mark.parametrize(("height", "width"), [(8, 6), (7, 6), (6, 5)])
def test_a_factorized_reduction_is_the_same_with_them(generator, monkeypatch, height, width):
    layer, inputs = FactorizedReduction(4, affine=False), images(generator, height, width)
    layer.build(inputs.shape)
    fast = values_and_gradients(layer, inputs)
    monkeypatch.setattr(processor_kernels, "FEWEST_NUMBERS", 2**60)
    for found, expected in zip(fast, values_and_gradients(layer, inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@either_way
def test_batch_normalization_trains_and_remembers_as_keras_does(generator):
    inputs = images(generator, 6, 5)
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


@either_way
@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [3, 5, 7])
def test_depthwise_convolution(generator, height, width, stride, dilation, size):
    kernel = tf.constant(generator.normal(size=[size, size, 3, 1]).astype(np.float32))
    assert_same(
        lambda inputs, taps: processor_kernels.depthwise_convolution(inputs, taps, stride, dilation),
        lambda inputs, taps: depthwise_convolution(inputs, taps, stride, dilation),
        images(generator, height, width),
        kernel,
    )


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_kernel_of_many_columns_gets_its_gradient_where_the_convolution_is_not_compiled(
    generator, monkeypatch, dilation
):
    monkeypatch.setattr(processor_kernels, "FEWEST_NUMBERS_TO_CONVOLVE", 2**60)
    test_depthwise_convolution(generator, 9, 7, 1, dilation, size=5)


@either_way
@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("stride", [1, 2])
def test_maximum_pooling(generator, height, width, stride):
    assert_same(
        lambda inputs: processor_kernels.maximum_pooling(inputs, 3, stride),
        lambda inputs: maximum_pooling(inputs, 3, stride),
        images(generator, height, width),
    )


@either_way
@pytest.mark.parametrize(("stride", "train_weights"), [(1, True), (1, False), (2, True)])
def test_an_edge_runs_each_operation_as_without_them(generator, monkeypatch, stride, train_weights):
    """In branches compiled functions have pitfalls of their own, so all operations are run through one."""
    inputs = images(generator, 8, 8, channels=4)
    weights = CandidateOperations(4, stride).initial_weights()
    results = []
    for fewest_numbers in (0, 2**60):
        for fewest in ("FEWEST_NUMBERS", "FEWEST_NUMBERS_TO_CONVOLVE", "FEWEST_NUMBERS_TO_POOL"):
            monkeypatch.setattr(processor_kernels, fewest, fewest_numbers)
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
def test_a_layer_calls_them_in_a_graph_of_known_shape_only(layer, monkeypatch):
    asked = []
    suits = processor_kernels.suits

    def answer(inputs, fewest_numbers=None):
        asked.append(suits(inputs, fewest_numbers))
        return asked[-1]

    monkeypatch.setattr(processor_kernels, "suits", answer)
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


@pytest.mark.parametrize("switched_on", [True, False])
def test_whether_onednn_is_on(switched_on):
    program = "from eoinas_tf.space.processor_kernels import has_onednn; print(has_onednn())"
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": str(int(switched_on))}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout == f"{switched_on}\n"


def test_kernels_that_onednn_has_are_not_compiled_beside_it(monkeypatch):
    """Normalization, pooling and convolution without gaps leave no compiled function in the graph."""

    def compiled_functions(layer):
        graph = tf.function(layer, autograph=False).get_concrete_function(tf.zeros([2, 6, 6, 4])).graph
        return [name for name in graph.as_graph_def().library.function if "_XlaMustCompile" in name.attr]

    layers = [BatchStandardization(), DepthwiseConvolution(3), build_operation("max_pool_3x3", 4, 1, affine=False)]
    for onednn, expected in ((True, [0, 0, 0]), (False, [1, 1, 2])):
        monkeypatch.setattr(processor_kernels, "has_onednn", lambda onednn=onednn: onednn)
        assert [len(compiled_functions(layer)) for layer in layers] == expected
        assert len(compiled_functions(DepthwiseConvolution(3, dilation=2))) == 1
    monkeypatch.setattr(processor_kernels, "has_onednn", lambda: True)
    for channels, expected in ((2, 0), (3, 1)):
        monkeypatch.setattr(processor_kernels, "ONEDNN_CHANNELS", channels)
        assert len(compiled_functions(BatchStandardization())) == expected


def test_small_images_other_types_and_gpus_are_left_alone(monkeypatch):
    @tf.function(autograph=False)
    def answers(inputs):
        convolves = processor_kernels.suits(inputs, processor_kernels.FEWEST_NUMBERS_TO_CONVOLVE)
        found.append((processor_kernels.suits(inputs), convolves, processor_kernels.suits_pooling(inputs)))

    found = []
    monkeypatch.setattr(processor_kernels, "has_onednn", lambda: True)
    answers(tf.zeros([2, 4, 4, 3]))
    answers(tf.zeros([2, 4, 4, 3], tf.bfloat16))
    monkeypatch.setattr(processor_kernels, "FEWEST_NUMBERS", 120)
    monkeypatch.setattr(processor_kernels, "FEWEST_NUMBERS_TO_CONVOLVE", 1000)
    answers(tf.zeros([2, 4, 5, 3]))
    monkeypatch.setattr(processor_kernels, "FEWEST_NUMBERS", 1000)
    monkeypatch.setattr(processor_kernels, "FEWEST_NUMBERS_TO_POOL", 150)
    answers(tf.zeros([2, 5, 5, 3]))
    answers(tf.zeros([2, 7, 3, 3]))
    monkeypatch.setattr(processor_kernels, "has_onednn", lambda: False)
    answers(tf.zeros([2, 6, 5, 3]))
    for fewest in ("FEWEST_NUMBERS", "FEWEST_NUMBERS_TO_CONVOLVE", "FEWEST_NUMBERS_TO_POOL"):
        monkeypatch.setattr(processor_kernels, fewest, 0)
    monkeypatch.setattr(processor_kernels, "has_gpu", lambda: True)
    answers(tf.zeros([2, 4, 6, 3]))
    assert found == [
        (True, True, True),
        (False, False, False),
        (True, False, True),
        (False, False, True),
        (False, False, False),
        (False, False, False),
        (False, False, False),
    ]
