"""Every second row and column of images [batch, height, width, channels]."""

import tensorflow as tf

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.kernels.compiled_functions import compiled, differentiable


def subsample(images: tf.Tensor, first: int = 0) -> tf.Tensor:
    """Keeps every second row and column.

    Args:
        images: [batch, height, width, channels].
        first: The first row and column kept: 0 or 1.

    Returns:
        [batch, ceil(height / 2), ceil(width / 2), channels]; if `first` is 1 and a side is odd, a row or column of
        zeros is appended first, as in GDAS.
    """
    if first:
        height, width = images.shape[1], images.shape[2]
        if height % 2 or width % 2:
            images = tf.pad(images, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]])
    return images[:, first::2, first::2, :]


def diagonal_pixels(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Keeps every second row and column: once the even ones, once the odd ones.

    Args:
        images: [batch, height, width, channels]; odd sides are padded with zeros.

    Returns:
        Two tensors [batch, ceil(height / 2), ceil(width / 2), channels].
    """
    if kernel_policy.use_cpu_kernels(images) and images.shape[1] % 2 == images.shape[2] % 2 == 0:
        return differentiable(
            lambda originals: (_diagonal_pixels(originals), ()),
            lambda _, *gradients: _diagonal_pixels_gradient(*gradients),
        )(images)
    return subsample(images), subsample(images, first=1)


@compiled
def _diagonal_pixels(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return subsample(images), subsample(images, first=1)


@compiled
def _diagonal_pixels_gradient(even: tf.Tensor, odd: tf.Tensor) -> tf.Tensor:
    zeros = tf.zeros_like(even)
    return interleave([[even, zeros], [zeros, odd]])


def compiled_even_pixels(images: tf.Tensor) -> tf.Tensor:
    """Keeps the even rows and columns.

    Args:
        images: float32 [batch, height, width, channels] of known shape.

    Returns:
        [batch, ceil(height / 2), ceil(width / 2), channels].
    """
    height, width = images.shape[1:3]
    return differentiable(
        lambda originals: (_even_pixels(originals), ()),
        lambda _, gradient: _even_pixels_gradient(gradient, height, width),
    )(images)


@compiled
def _even_pixels(images: tf.Tensor) -> tf.Tensor:
    return subsample(images)


@compiled
def _even_pixels_gradient(gradient: tf.Tensor, height: int, width: int) -> tf.Tensor:
    zeros = tf.zeros_like(gradient)
    return interleave([[gradient, zeros], [zeros, zeros]])[:, :height, :width]


def interleave(pixels: list[list[tf.Tensor]]) -> tf.Tensor:
    """Assembles images from the even and odd columns of their even and odd rows.

    Args:
        pixels: Pixels of even rows, then of odd rows, each in even columns, then in odd columns: four tensors
            [batch, rows, columns, channels].

    Returns:
        [batch, 2 * rows, 2 * columns, channels].
    """
    batch, rows, columns, channels = pixels[0][0].shape
    whole_rows = [tf.stack(row, axis=3) for row in pixels]
    return tf.reshape(tf.stack(whole_rows, axis=2), [batch, 2 * rows, 2 * columns, channels])
