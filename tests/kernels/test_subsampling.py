"""Every second pixel follows the definition, and a CPU's results are TensorFlow's own."""

import numpy as np
import numpy_references
import pytest
import tensorflow as tf
from kernel_checks import ALL_SIDES, SIDES, assert_same, compiled_function_count, images_of, random_images

from eoinas_tf.kernels.subsampling import compiled_even_pixels, diagonal_pixels, subsample


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("height", "width"), ALL_SIDES)
def test_subsample_equals_the_definition(generator, height, width, first):
    images = images_of(generator, height, width)
    outputs = subsample(tf.constant(images), first)
    np.testing.assert_array_equal(outputs, numpy_references.subsample(images, first).astype("float32"))


def test_subsample_splits_an_even_image_into_different_pixels():
    image = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
    np.testing.assert_array_equal(subsample(image)[0, :, :, 0], [[0, 2], [8, 10]])
    np.testing.assert_array_equal(subsample(image, first=1)[0, :, :, 0], [[5, 7], [13, 15]])


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize(("height", "width", "is_compiled"), [(6, 4, True), (5, 4, False), (6, 5, False)])
def test_diagonal_pixels(generator, height, width, is_compiled):
    weights = tf.constant(generator.normal(size=3).astype(np.float32))

    def combined(even, odd):
        return even * weights[0] + odd * weights[1]

    assert_same(
        lambda inputs: combined(*diagonal_pixels(inputs)),
        lambda inputs: combined(subsample(inputs), subsample(inputs, first=1)),
        random_images(generator, height, width),
    )
    assert compiled_function_count(diagonal_pixels, 4, height, width, 3) == is_compiled


@pytest.mark.parametrize(("height", "width"), SIDES)
def test_even_pixels(generator, height, width):
    assert_same(compiled_even_pixels, subsample, random_images(generator, height, width))
