import numpy as np
import numpy_references
import pytest
import tensorflow as tf

from eoinas_tf.space import spatial_functions
from eoinas_tf.space.quantizable_operations import quantizable_operations

SIDES = [(6, 8), (7, 5), (8, 7), (1, 1), (2, 3), (1, 9)]


def images_of(generator, height, width, channels=3):
    return generator.normal(size=(2, height, width, channels)).astype("float32")


@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [3, 5])
def test_depthwise_convolution_equals_the_definition(generator, size, stride, dilation, height, width):
    images = images_of(generator, height, width)
    kernel = generator.normal(size=(size, size, 3, 1)).astype("float32")
    outputs = spatial_functions.depthwise_convolution(tf.constant(images), tf.constant(kernel), stride, dilation)
    expected = numpy_references.depthwise_convolution(images, kernel, stride, dilation)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


def test_depthwise_convolution_pads_symmetrically_at_stride_2():
    """SAME would put the centre of the first window on pixel 1, not on pixel 0."""
    kernel = np.zeros((3, 3, 1, 1), "float32")
    kernel[1, 1] = 1.0
    images = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    outputs = spatial_functions.depthwise_convolution(tf.constant(images), tf.constant(kernel), 2, 1)
    np.testing.assert_array_equal(outputs[0, :, :, 0], [[0, 2], [8, 10]])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_depthwise_convolution_gradients_equal_the_definition(generator, stride, dilation):
    """The output is linear in kernel and image, so a gradient's entry is the output for a unit kernel or image."""
    images, kernel = images_of(generator, 5, 6, 2), generator.normal(size=(3, 3, 2, 1)).astype("float32")
    image_tensor, kernel_tensor = tf.constant(images), tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch([image_tensor, kernel_tensor])
        outputs = spatial_functions.depthwise_convolution(image_tensor, kernel_tensor, stride, dilation)
        factors = generator.normal(size=outputs.shape).astype("float32")
        loss = tf.reduce_sum(outputs * factors)
    image_gradient, kernel_gradient = tape.gradient(loss, [image_tensor, kernel_tensor])

    def loss_at(some_images, some_kernel):
        return (factors * numpy_references.depthwise_convolution(some_images, some_kernel, stride, dilation)).sum()

    for position in np.ndindex(kernel.shape):
        unit = np.zeros_like(kernel)
        unit[position] = 1.0
        np.testing.assert_allclose(kernel_gradient[position], loss_at(images, unit), rtol=1e-4, atol=1e-4)
    for position in [(0, 0, 0, 0), (1, 4, 5, 1), (0, 2, 3, 1), (1, 0, 5, 0), (0, 3, 2, 0)]:
        unit = np.zeros_like(images)
        unit[position] = 1.0
        np.testing.assert_allclose(image_gradient[position], loss_at(unit, kernel), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_average_pooling_equals_the_definition(generator, stride, size, height, width):
    images = images_of(generator, height, width)
    outputs = spatial_functions.average_pooling(tf.constant(images), size, stride)
    expected = numpy_references.average_pooling(images, size, stride)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("height", "width"), SIDES)
def test_average_pooling_leaves_padding_out_of_the_mean(height, width, stride):
    ones = tf.ones((1, height, width, 1))
    np.testing.assert_allclose(spatial_functions.average_pooling(ones, 3, stride), 1.0, rtol=1e-6)


@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("stride", [1, 2])
def test_maximum_pooling_equals_the_definition(generator, stride, height, width):
    images = images_of(generator, height, width)
    outputs = spatial_functions.maximum_pooling(tf.constant(images), 3, stride)
    np.testing.assert_array_equal(outputs, numpy_references.maximum_pooling(images, 3, stride).astype("float32"))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("height", "width"), SIDES)
def test_maximum_pooling_of_negative_images_has_no_zero_from_the_border(generator, height, width, stride):
    images = -1.0 - np.abs(images_of(generator, height, width))
    outputs = spatial_functions.maximum_pooling(tf.constant(images), 3, stride)
    assert np.max(outputs) <= -1.0
    np.testing.assert_array_equal(outputs, numpy_references.maximum_pooling(images, 3, stride).astype("float32"))


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("height", "width"), SIDES)
def test_subsample_equals_the_definition(generator, height, width, first):
    images = images_of(generator, height, width)
    outputs = spatial_functions.subsample(tf.constant(images), first)
    np.testing.assert_array_equal(outputs, numpy_references.subsample(images, first).astype("float32"))


def test_subsample_splits_an_even_image_into_different_pixels():
    image = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
    np.testing.assert_array_equal(spatial_functions.subsample(image)[0, :, :, 0], [[0, 2], [8, 10]])
    np.testing.assert_array_equal(spatial_functions.subsample(image, first=1)[0, :, :, 0], [[5, 7], [13, 15]])


@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("pooling", [spatial_functions.average_pooling, spatial_functions.maximum_pooling])
@pytest.mark.parametrize("stride", [1, 2])
def test_quantizable_pooling_has_the_same_values_without_padding_and_factors(generator, pooling, stride, height, width):
    images = tf.constant(images_of(generator, height, width))
    with quantizable_operations():
        values = pooling(images, 3, stride)
        graph = tf.function(lambda image: pooling(image, 3, stride)).get_concrete_function(images).graph
    np.testing.assert_allclose(values, pooling(images, 3, stride), rtol=1e-5, atol=1e-6)
    assert not {operation.type for operation in graph.get_operations()} & {"Pad", "PadV2", "Mul"}
