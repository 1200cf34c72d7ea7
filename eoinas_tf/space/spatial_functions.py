"""Depthwise convolution, pooling and subsampling with symmetric padding, and normalization, as pure functions.

TensorFlow's SAME padding is not symmetric at stride 2 (it pads right and bottom first), the
reference implementations of DARTS and GDAS pad symmetrically; these functions do as they do,
so that weights can be exchanged. All images are [batch, height, width, channels], any
height and width; a stride of 2 yields ceil(height / 2) x ceil(width / 2).
"""

import numpy as np
import tensorflow as tf

from eoinas_tf.space.quantizable_operations import is_quantizable


def subsample(inputs: tf.Tensor, first: int = 0) -> tf.Tensor:
    """Keeps every second row and column.

    Args:
        inputs: Images [batch, height, width, channels].
        first: The first row and column kept: 0 or 1.

    Returns:
        [batch, ceil(height / 2), ceil(width / 2), channels]; where `first` is 1 and a side is
        odd, a row or column of zeros is appended before, as GDAS does.
    """
    if first:
        height, width = inputs.shape[1], inputs.shape[2]
        if height % 2 or width % 2:
            inputs = tf.pad(inputs, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]])
    return inputs[:, first::2, first::2, :]


def depthwise_convolution(inputs: tf.Tensor, kernel: tf.Tensor, stride: int, dilation: int) -> tf.Tensor:
    """Convolves each channel with its own kernel, padded symmetrically by dilation * (size - 1) / 2.

    Args:
        inputs: Images [batch, height, width, channels].
        kernel: [size, size, channels, 1]; size is odd.
        stride: 1 or 2.
        dilation: Distance of the kernel's taps in pixels: 1 or 2.

    Returns:
        [batch, ceil(height / stride), ceil(width / stride), channels].
    """
    if stride == 2 and dilation == 2:
        # Taps two apart, placed on every second pixel, only ever meet even rows and columns.
        inputs, stride, dilation = subsample(inputs), 1, 1
    if stride == 1:
        return tf.nn.depthwise_conv2d(inputs, kernel, [1, 1, 1, 1], "SAME", dilations=[dilation, dilation])
    padding = kernel.shape[0] // 2
    return tf.nn.depthwise_conv2d(
        inputs, kernel, [1, 2, 2, 1], [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    )


def average_pooling(inputs: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    """Averages windows of size x size pixels; pixels outside the image are left out of the mean.

    Args:
        inputs: Images [batch, height, width, channels], height and width known.
        size: Side of the window in pixels, odd.
        stride: 1 or 2.

    Returns:
        [batch, ceil(height / stride), ceil(width / stride), channels].
    """
    if stride == 1:
        return tf.nn.avg_pool2d(inputs, size, 1, "SAME")
    if is_quantizable():
        return tf.nn.avg_pool2d(inputs, size, 1, "SAME")[:, ::stride, ::stride]
    padding = size // 2
    padded = tf.pad(inputs, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
    averages = tf.nn.avg_pool2d(padded, size, stride, "VALID")
    rows = _pixels_inside(inputs.shape[1], size, stride)
    columns = _pixels_inside(inputs.shape[2], size, stride)
    correction = size * size / np.outer(rows, columns)
    return averages * tf.constant(correction[None, :, :, None], dtype=averages.dtype)


def _pixels_inside(length: int, size: int, stride: int) -> np.ndarray:
    """Counts, for each window along one side, how many of its pixels lie inside the image."""
    centres = np.arange(0, length, stride)
    return np.minimum(centres + size // 2, length - 1) - np.maximum(centres - size // 2, 0) + 1


def maximum_pooling(inputs: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    """Takes the maximum of windows of size x size pixels; pixels outside the image do not count.

    Args:
        inputs: Images [batch, height, width, channels].
        size: Side of the window in pixels, odd.
        stride: 1 or 2.

    Returns:
        [batch, ceil(height / stride), ceil(width / stride), channels].
    """
    if stride == 1:
        return tf.nn.max_pool2d(inputs, size, 1, "SAME")
    if is_quantizable():
        return tf.nn.max_pool2d(inputs, size, 1, "SAME")[:, ::stride, ::stride]
    # Padded by hand, because TensorFlow Lite knows no explicit padding of a pooling.
    padding = size // 2
    paddings = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    return tf.nn.max_pool2d(tf.pad(inputs, paddings, constant_values=inputs.dtype.min), size, stride, "VALID")


def standardize(inputs: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Subtracts each channel's mean and divides by its deviation.

    Args:
        inputs: Images [batch, height, width, channels].
        epsilon: Added to the variance.

    Returns:
        The images with mean 0 and variance 1 per channel.
    """
    channels = inputs.shape[-1]
    return normalize(inputs, tf.ones([channels]), tf.zeros([channels]), epsilon)[0]


def normalize(
    inputs: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Standardizes each channel over the batch, then scales and shifts it, as one operation of TensorFlow.

    Args:
        inputs: Images [batch, height, width, channels].
        scale: float32 [channels].
        offset: float32 [channels].
        epsilon: Added to the variance.

    Returns:
        (the normalized images, the batch's mean [channels], its variance [channels]).
    """
    outputs = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=scale,
        offset=offset,
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=epsilon,
        is_training=True,
    )
    # The operation's variance is divided by one less than the count.
    count = tf.cast(tf.size(inputs) // tf.size(scale), tf.float32)
    return outputs.y, outputs.batch_mean, outputs.batch_variance * ((count - 1) / count)
