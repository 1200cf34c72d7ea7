"""Convolutions equal their definition, and a CPU's equal TensorFlow's own."""

import numpy as np
import numpy_references
import pytest
import tensorflow as tf
from kernel_checks import (
    ALL_SIDES,
    SIDES,
    assert_same,
    compiled_function_count,
    images_of,
    random_images,
    with_and_without_onednn,
)

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.kernels.convolutions import (
    depthwise_convolution,
    plain_depthwise_convolution,
    pointwise_convolution,
)


@pytest.mark.parametrize(("height", "width"), ALL_SIDES)
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [3, 5])
def test_depthwise_convolution_equals_the_definition(generator, size, stride, dilation, height, width):
    images = images_of(generator, height, width)
    kernel = generator.normal(size=(size, size, 3, 1)).astype("float32")
    outputs = depthwise_convolution(tf.constant(images), tf.constant(kernel), stride, dilation)
    expected = numpy_references.depthwise_convolution(images, kernel, stride, dilation)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


def test_depthwise_convolution_pads_symmetrically_at_stride_2():
    """SAME would put the centre of the first window on pixel 1, not on pixel 0."""
    kernel = np.zeros((3, 3, 1, 1), "float32")
    kernel[1, 1] = 1.0
    images = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    outputs = depthwise_convolution(tf.constant(images), tf.constant(kernel), 2, 1)
    np.testing.assert_array_equal(outputs[0, :, :, 0], [[0, 2], [8, 10]])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_depthwise_convolution_gradients_equal_the_definition(generator, stride, dilation):
    """The output is linear in kernel and image, so a gradient's element is the output for a unit kernel or image."""
    images, kernel = images_of(generator, 5, 6, 2), generator.normal(size=(3, 3, 2, 1)).astype("float32")
    image_tensor, kernel_tensor = tf.constant(images), tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch([image_tensor, kernel_tensor])
        outputs = depthwise_convolution(image_tensor, kernel_tensor, stride, dilation)
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


@with_and_without_onednn
@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [3, 5, 7])
def test_a_cpu_s_depthwise_convolution(generator, height, width, stride, dilation, size):
    kernel = tf.constant(generator.normal(size=[size, size, 3, 1]).astype(np.float32))
    assert_same(
        lambda inputs, taps: depthwise_convolution(inputs, taps, stride, dilation),
        lambda inputs, taps: plain_depthwise_convolution(inputs, taps, stride, dilation),
        random_images(generator, height, width),
        kernel,
    )


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_kernel_of_many_columns_gets_its_gradient_where_the_convolution_is_not_compiled(
    generator, monkeypatch, dilation
):
    monkeypatch.setattr(kernel_policy, "MIN_ELEMENTS_TO_COMPILE_CONVOLUTION", 2**60)
    test_a_cpu_s_depthwise_convolution(generator, 9, 7, 1, dilation, size=5)


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize("onednn", [True, False])
def test_a_strided_convolution_s_gradient_and_every_second_pixel_are_compiled(monkeypatch, onednn):
    """The strided, dilated convolution is one without stride, which oneDNN computes, of every second pixel."""
    monkeypatch.setattr(kernel_policy, "has_onednn", lambda: onednn)
    kernel = tf.ones([3, 3, 3, 1])

    def gradient(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = depthwise_convolution(images, kernel, stride=2, dilation=1)
        return tape.gradient(outputs, images)

    assert compiled_function_count(gradient, 2, 6, 6, 3) == 1
    assert compiled_function_count(lambda images: depthwise_convolution(images, kernel, 2, 2), 2, 6, 6, 3) == 2 - onednn


@pytest.mark.parametrize("is_large", [True, False])
def test_pointwise_convolution_is_a_matrix_product_of_large_batches_only(generator, monkeypatch, is_large):
    monkeypatch.setattr(kernel_policy, "MIN_ELEMENTS_TO_COMPILE", 0 if is_large else 2**60)
    images, kernel = random_images(generator, 5, 6), tf.constant(generator.normal(size=[1, 1, 3, 4]).astype("float32"))
    assert_same(
        pointwise_convolution, lambda inputs, weights: tf.einsum("bhwc,xycf->bhwf", inputs, weights), images, kernel
    )
    graph = tf.function(pointwise_convolution, autograph=False).get_concrete_function(images, kernel).graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert ("MatMul" in kinds, "Conv2D" in kinds) == (is_large, not is_large)
