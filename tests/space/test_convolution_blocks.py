import keras
import numpy as np
import numpy_references
import pytest
from layer_checks import run_layer_check

from eoinas_tf.space.convolution_blocks import (
    BatchStandardization,
    DepthwiseConvolution,
    DepthwiseSeparableUnit,
    FactorizedReduction,
    ReLUConvolution,
    normalization_layer,
    pointwise_convolution,
    strided_shape,
)

# (class, arguments, output shape for an input [2, 7, 6, 4], trainable weights, other weights)
BLOCKS = [
    (BatchStandardization, {"epsilon": 1e-3}, (2, 7, 6, 4), 0, 0),
    (DepthwiseConvolution, {"kernel_size": 3, "stride": 1, "dilation": 1}, (2, 7, 6, 4), 1, 0),
    (DepthwiseConvolution, {"kernel_size": 5, "stride": 2, "dilation": 2}, (2, 4, 3, 4), 1, 0),
    (ReLUConvolution, {"channels": 3, "affine": False}, (2, 7, 6, 3), 1, 0),
    (ReLUConvolution, {"channels": 3, "affine": True}, (2, 7, 6, 3), 3, 2),
    (ReLUConvolution, {"channels": 3, "affine": False, "active_inputs": True}, (2, 7, 6, 3), 1, 0),
    (FactorizedReduction, {"channels": 5, "affine": False}, (2, 4, 3, 5), 2, 0),
    (FactorizedReduction, {"channels": 5, "affine": False, "active_inputs": True}, (2, 4, 3, 5), 2, 0),
    (FactorizedReduction, {"channels": 5, "affine": True}, (2, 4, 3, 5), 4, 2),
    (
        DepthwiseSeparableUnit,
        {"channels": 4, "kernel_size": 3, "stride": 2, "dilation": 1, "affine": False},
        (2, 4, 3, 4),
        2,
        0,
    ),
    (
        DepthwiseSeparableUnit,
        {"channels": 4, "kernel_size": 5, "stride": 1, "dilation": 2, "affine": True},
        (2, 7, 6, 4),
        4,
        2,
    ),
]


@pytest.mark.parametrize(
    ("block", "arguments", "output_shape", "trainable_weights", "other_weights"),
    BLOCKS,
    ids=[f"{block.__name__}-{index}" for index, (block, *_) in enumerate(BLOCKS)],
)
def test_layer_contract(block, arguments, output_shape, trainable_weights, other_weights):
    run_layer_check(block, arguments, (2, 7, 6, 4), output_shape, trainable_weights, other_weights)


def test_batch_standardization_uses_the_biased_variance_and_epsilon(generator):
    images = generator.normal(3.0, 0.01, size=(2, 3, 2, 4)).astype("float32")
    assert BatchStandardization().epsilon == 1e-5
    for epsilon in (1e-5, 1e-3):
        expected = numpy_references.standardize(images, epsilon)
        np.testing.assert_allclose(BatchStandardization(epsilon)(images), expected, rtol=1e-2, atol=1e-3)
    # With a variance this small, epsilon and the factor n / (n - 1) are visible.
    assert np.std(numpy_references.standardize(images, 1e-5)) < 0.97
    values = generator.normal(size=(1, 1, 2, 1)).astype("float32")
    np.testing.assert_allclose(np.abs(BatchStandardization()(values)), 1.0, atol=1e-2)


def test_batch_standardization_has_no_memory(generator):
    layer = BatchStandardization()
    images = generator.normal(size=(2, 4, 4, 3)).astype("float32")
    first = layer(images)
    layer(100.0 * images)
    np.testing.assert_array_equal(layer(images), first)
    assert layer.weights == []


def test_normalization_of_a_final_network_has_the_reference_constants(generator):
    layer = normalization_layer(affine=True, name="normalization")
    images = generator.normal(2.0, 3.0, size=(4, 5, 5, 3)).astype("float32")
    outputs = layer(images, training=True)
    np.testing.assert_allclose(outputs, numpy_references.standardize(images, 1e-5), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * images.mean((0, 1, 2)), rtol=1e-3)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * images.var((0, 1, 2)), rtol=1e-2)
    mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    inference = layer(images, training=False)
    np.testing.assert_allclose(inference, (images - mean) / np.sqrt(variance + 1e-5), rtol=1e-3, atol=1e-4)
    assert layer.epsilon == 1e-5


def test_normalization_of_the_super_network_has_no_weights():
    assert isinstance(normalization_layer(affine=False), BatchStandardization)


@pytest.mark.parametrize(("height", "width"), [(6, 8), (7, 5), (6, 5), (1, 1), (1, 4)])
def test_factorized_reduction_equals_the_definition(generator, height, width):
    layer = FactorizedReduction(5)
    images = generator.normal(size=(2, height, width, 3)).astype("float32")
    outputs = layer(images, training=True)
    expected = numpy_references.factorized_reduction(layer, images)
    np.testing.assert_allclose(outputs, expected, rtol=1e-2, atol=1e-3)


def test_factorized_reduction_sees_every_pixel_of_an_even_diagonal():
    """Each pixel on an even or odd row and column reaches the output; the others never do, as in GDAS."""
    layer = FactorizedReduction(2, affine=False)
    layer.build((None, 4, 4, 1))
    reached = np.zeros((4, 4), bool)
    for row, column in np.ndindex(4, 4):
        image = np.zeros((1, 4, 4, 1), "float32")
        image[0, row, column] = 1.0
        reached[row, column] = np.any(layer(image))
    np.testing.assert_array_equal(reached, np.add.outer(np.arange(4), np.arange(4)) % 2 == 0)


def test_factorized_reduction_gives_the_odd_channel_to_the_second_half():
    layer = FactorizedReduction(5)
    layer.build((None, 4, 4, 3))
    assert layer.first_convolution.kernel.shape == (1, 1, 3, 2)
    assert layer.second_convolution.kernel.shape == (1, 1, 3, 3)


def test_factorized_reduction_of_one_channel_is_refused():
    with pytest.raises(ValueError, match=r"channels must be at least 2 to be halved\. Received: 1"):
        FactorizedReduction(1)


@pytest.mark.parametrize("block", [ReLUConvolution, FactorizedReduction])
def test_blocks_whose_inputs_are_active_leave_the_relu_out(generator, block):
    with_relu, without = block(4, affine=False), block(4, affine=False, active_inputs=True)
    images = generator.normal(size=(2, 6, 4, 3)).astype("float32")
    expected = with_relu(images)
    without.build(images.shape)
    without.set_weights(with_relu.get_weights())
    np.testing.assert_array_equal(without(np.maximum(images, 0)), expected)
    assert np.abs(without(images) - expected).max() > 0.1


def test_relu_convolution_equals_the_definition(generator):
    layer = ReLUConvolution(3)
    images = generator.normal(size=(2, 5, 4, 4)).astype("float32")
    outputs = layer(images, training=True)
    convolved = numpy_references.pointwise_convolution(
        numpy_references.relu(images), np.asarray(layer.convolution.kernel)
    )
    np.testing.assert_allclose(outputs, numpy_references.standardize(convolved), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_depthwise_separable_unit_equals_the_definition(generator, stride, dilation, affine):
    layer = DepthwiseSeparableUnit(4, 5, stride, dilation, affine)
    images = generator.normal(size=(2, 7, 6, 4)).astype("float32")
    outputs = layer(images, training=True)
    expected = numpy_references.depthwise_separable_unit(layer, images, stride, dilation)
    np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("arguments", [{"kernel_size": 4}, {"stride": 3}, {"dilation": 3}, {"stride": 0}])
def test_depthwise_convolution_refuses_what_it_does_not_compute(arguments):
    (name, value), *_ = arguments.items()
    with pytest.raises(ValueError, match=rf"kernel_size must be odd.* Received: .*{name}={value}"):
        DepthwiseConvolution(**{"kernel_size": 3, **arguments})


def test_pointwise_convolution_is_a_convolution_without_bias():
    layer = pointwise_convolution(3, 4, name="pointwise")
    layer.build((None, None, None, 4))
    assert isinstance(layer, keras.layers.Conv2D)
    assert [tuple(weight.shape) for weight in layer.weights] == [(1, 1, 4, 3)]


def test_strided_shape_rounds_up_and_keeps_what_is_unknown():
    assert strided_shape((2, 7, 6, 4), 2, 9) == (2, 4, 3, 9)
    assert strided_shape((None, None, 5, 4), 2, 9) == (None, None, 3, 9)
    assert strided_shape((None, 7, 6, 4), 1, 4) == (None, 7, 6, 4)
