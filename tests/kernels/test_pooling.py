"""Poolings equal their definition, and a CPU's equal TensorFlow's own."""

import numpy as np
import numpy_references
import pytest
import tensorflow as tf
from kernel_checks import ALL_SIDES, SIDES, assert_same, images_of, random_images, with_and_without_onednn

from eoinas_tf.kernels.pooling import average_pooling, maximum_pooling, plain_maximum_pooling
from eoinas_tf.kernels.quantizable_operations import quantizable_operations


@pytest.mark.parametrize(("height", "width"), ALL_SIDES)
@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_average_pooling_equals_the_definition(generator, stride, size, height, width):
    images = images_of(generator, height, width)
    outputs = average_pooling(tf.constant(images), size, stride)
    expected = numpy_references.average_pooling(images, size, stride)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("height", "width"), ALL_SIDES)
def test_average_pooling_leaves_padding_out_of_the_mean(height, width, stride):
    ones = tf.ones((1, height, width, 1))
    np.testing.assert_allclose(average_pooling(ones, 3, stride), 1.0, rtol=1e-6)


@pytest.mark.parametrize(("height", "width"), ALL_SIDES)
@pytest.mark.parametrize("stride", [1, 2])
def test_maximum_pooling_equals_the_definition(generator, stride, height, width):
    images = images_of(generator, height, width)
    outputs = maximum_pooling(tf.constant(images), 3, stride)
    np.testing.assert_array_equal(outputs, numpy_references.maximum_pooling(images, 3, stride).astype("float32"))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("height", "width"), ALL_SIDES)
def test_maximum_pooling_of_negative_images_has_no_zero_from_the_border(generator, height, width, stride):
    images = -1.0 - np.abs(images_of(generator, height, width))
    outputs = maximum_pooling(tf.constant(images), 3, stride)
    assert np.max(outputs) <= -1.0
    np.testing.assert_array_equal(outputs, numpy_references.maximum_pooling(images, 3, stride).astype("float32"))


@with_and_without_onednn
@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_cpu_s_maximum_pooling(generator, height, width, stride):
    assert_same(
        lambda inputs: maximum_pooling(inputs, 3, stride),
        lambda inputs: plain_maximum_pooling(inputs, 3, stride),
        random_images(generator, height, width),
    )


@pytest.mark.parametrize(("height", "width"), ALL_SIDES)
@pytest.mark.parametrize("pooling", [average_pooling, maximum_pooling])
@pytest.mark.parametrize("stride", [1, 2])
def test_quantizable_pooling_has_the_same_values_without_padding_and_factors(generator, pooling, stride, height, width):
    images = tf.constant(images_of(generator, height, width))
    with quantizable_operations():
        values = pooling(images, 3, stride)
        graph = tf.function(lambda image: pooling(image, 3, stride)).get_concrete_function(images).graph
    np.testing.assert_allclose(values, pooling(images, 3, stride), rtol=1e-5, atol=1e-6)
    assert not {operation.type for operation in graph.get_operations()} & {"Pad", "PadV2", "Mul"}
