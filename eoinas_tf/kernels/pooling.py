"""Average and maximum pooling of images [batch, height, width, channels], padded symmetrically.

Pixels outside the image do not count: neither in a maximum nor in the divisor of a mean.
"""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.kernels.compiled_functions import compiled, differentiable
from eoinas_tf.kernels.quantizable_operations import is_quantizable
from eoinas_tf.kernels.subsampling import subsample


def average_pooling(images: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    """Averages windows of size x size pixels; pixels outside the image are left out of the mean.

    Args:
        images: [batch, height, width, channels], height and width known.
        size: Side of the window in pixels, odd.
        stride: 1 or 2.

    Returns:
        [batch, ceil(height / stride), ceil(width / stride), channels].
    """
    if stride == 1:
        return tf.nn.avg_pool2d(images, size, 1, "SAME")
    if is_quantizable():
        return subsample(tf.nn.avg_pool2d(images, size, 1, "SAME"))
    padding = size // 2
    padded = tf.pad(images, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
    averages = tf.nn.avg_pool2d(padded, size, stride, "VALID")
    rows = _pixels_inside(images.shape[1], size, stride)
    columns = _pixels_inside(images.shape[2], size, stride)
    correction = size * size / np.outer(rows, columns)
    return averages * tf.constant(correction[None, :, :, None], dtype=averages.dtype)


def _pixels_inside(length: int, size: int, stride: int) -> np.ndarray:
    """Counts, for each window along one side, how many of its pixels lie inside the image."""
    centres = np.arange(0, length, stride)
    return np.minimum(centres + size // 2, length - 1) - np.maximum(centres - size // 2, 0) + 1


def maximum_pooling(images: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    """Takes the maximum of windows of size x size pixels; pixels outside the image do not count.

    If several pixels of a window share the maximum, the gradient goes to one of them. Implementations may choose
    different ones.

    Args:
        images: [batch, height, width, channels].
        size: Side of the window in pixels, odd.
        stride: 1 or 2.

    Returns:
        [batch, ceil(height / stride), ceil(width / stride), channels].
    """
    if kernel_policy.use_cpu_pooling(images):
        return _cpu_maximum_pooling(images, size, stride)
    return plain_maximum_pooling(images, size, stride)


def plain_maximum_pooling(images: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    """Computes `maximum_pooling` with TensorFlow's own operation, on any device and for any batch."""
    if stride == 1:
        return tf.nn.max_pool2d(images, size, 1, "SAME")
    if is_quantizable():
        return subsample(tf.nn.max_pool2d(images, size, 1, "SAME"))
    # Padded by hand, because TensorFlow Lite has no explicit padding for pooling.
    padding = size // 2
    paddings = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    return tf.nn.max_pool2d(tf.pad(images, paddings, constant_values=images.dtype.min), size, stride, "VALID")


def _cpu_maximum_pooling(images: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    pool: Callable[..., tf.Tensor] = plain_maximum_pooling
    gradient_of: Callable[..., tf.Tensor] = _repeated_pooling_gradient
    if kernel_policy.compile_pooling():
        pool, gradient_of = _compiled_maximum, _compiled_maximum_gradient

    def forward(originals: tf.Tensor):
        return pool(originals, size, stride), (originals,)

    def backward(residuals: list[tf.Tensor], gradient: tf.Tensor) -> tf.Tensor:
        return gradient_of(*residuals, gradient, size, stride)

    return differentiable(forward, backward)(images)


def _repeated_pooling_gradient(images: tf.Tensor, gradient: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    """Pools again: oneDNN's gradient needs the pixels that its pooling chose, and gets them in one function only."""
    return _pooling_gradient(plain_maximum_pooling, images, gradient, size, stride)


@compiled
def _compiled_maximum(images: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    return _separable_maximum(images, size, stride)


@compiled
def _compiled_maximum_gradient(images: tf.Tensor, gradient: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    return _pooling_gradient(_separable_maximum, images, gradient, size, stride)


def _pooling_gradient(
    pool: Callable[..., tf.Tensor], images: tf.Tensor, gradient: tf.Tensor, size: int, stride: int
) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = pool(images, size, stride)
    return tape.gradient(outputs, images, gradient)


def _separable_maximum(images: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    """Takes the maximum along the columns, then along the rows.

    Not compiled itself: the gradient through one compiled function inside another takes five times as long.
    """
    outputs = images
    for axis in (1, 2):
        paddings = [[0, 0]] * 4
        paddings[axis] = [size // 2, size // 2]
        padded = tf.pad(outputs, paddings, constant_values=images.dtype.min)
        length = stride * ((images.shape[axis] - 1) // stride) + 1
        pieces = []
        for start in range(size):
            window = [slice(None)] * 4
            window[axis] = slice(start, start + length, stride)
            pieces.append(padded[tuple(window)])
        outputs = functools.reduce(tf.maximum, pieces)
    return outputs
