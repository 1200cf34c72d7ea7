"""Batch normalization over a batch's own statistics, without and with scale and offset.

A variance is the sum of squares divided by the number of elements. Keras's layer trains with ten operations, each of
which reads or writes the images; on a CPU with large batches a single one does the same, TensorFlow's or a compiled
one.
"""

import functools
import math

import keras
import tensorflow as tf

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.kernels.compiled_functions import compiled, differentiable


def batch_standardization(images: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Subtracts each channel's mean and divides by its standard deviation.

    Args:
        images: [batch, height, width, channels].
        epsilon: Added to the variance.

    Returns:
        The images with mean 0 and variance 1 per channel.
    """
    if kernel_policy.compile_batch_normalization(images):
        return _compiled_standardization(images, epsilon)
    channels = images.shape[-1]
    return _fused_normalization(images, tf.ones([channels]), tf.zeros([channels]), epsilon)[0]


def batch_normalization(
    images: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Standardizes each channel over the batch, then scales and shifts it, as Keras's layer does in training.

    Args:
        images: [batch, height, width, channels].
        scale: float32 [channels].
        offset: float32 [channels].
        epsilon: Added to the variance.

    Returns:
        (the normalized images, the batch's mean [channels], its variance [channels]), float32. Mean and variance are
        for moving averages: no gradient may be requested through them.
    """
    if kernel_policy.compile_batch_normalization(images):
        return _compiled_normalization(images, scale, offset, epsilon)
    if kernel_policy.use_cpu_kernels(images):
        return _fused_normalization(images, scale, offset, epsilon)
    return _composed_normalization(images, scale, offset, epsilon)


def _fused_normalization(
    images: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalizes with one TensorFlow operation, which oneDNN computes where it is enabled."""
    outputs = tf.raw_ops.FusedBatchNormV3(
        x=images,
        scale=scale,
        offset=offset,
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=epsilon,
        is_training=True,
    )
    # The operation divides the variance by the number of elements less one.
    count = tf.cast(tf.size(images) // tf.size(scale), tf.float32)
    return outputs.y, outputs.batch_mean, outputs.batch_variance * ((count - 1) / count)


def _composed_normalization(
    images: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalizes with the operations that Keras's own layer consists of, in float32."""
    images = tf.cast(images, tf.float32)
    mean, variance = keras.ops.moments(images, axes=[0, 1, 2])
    outputs = keras.ops.batch_normalization(
        images, mean, variance, axis=-1, offset=offset, scale=scale, epsilon=epsilon
    )
    return outputs, mean, variance


def _compiled_standardization(images: tf.Tensor, epsilon: float) -> tf.Tensor:
    def forward(originals: tf.Tensor):
        outputs, mean, inverse_deviation = _standardize(originals, epsilon)
        # The inputs, not the outputs: a custom gradient keeps its inputs in memory in any case.
        return outputs, (originals, mean, inverse_deviation)

    return differentiable(forward, lambda residuals, gradient: _standardize_gradient(*residuals, gradient))(images)


@compiled
def _standardize(images: tf.Tensor, epsilon: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    mean = _channel_means(images)
    centred = images - mean
    inverse_deviation = tf.math.rsqrt(_channel_means(centred * centred) + epsilon)
    return centred * inverse_deviation, mean, inverse_deviation


@compiled
def _standardize_gradient(
    images: tf.Tensor, mean: tf.Tensor, inverse_deviation: tf.Tensor, gradient: tf.Tensor
) -> tf.Tensor:
    centred = images - mean
    along = _channel_means(gradient * centred) * (inverse_deviation * inverse_deviation)
    return inverse_deviation * (gradient - _channel_means(gradient) - centred * along)


def _compiled_normalization(
    images: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    def forward(originals: tf.Tensor, own_scale: tf.Tensor, own_offset: tf.Tensor):
        outputs, mean, variance = _normalize(originals, own_scale, own_offset, epsilon)
        return (outputs, mean, variance), (originals, own_scale, mean, variance)

    def backward(residuals: list[tf.Tensor], gradient: tf.Tensor, *_: tf.Tensor):
        return _normalize_gradients(*residuals, gradient, epsilon)

    return differentiable(forward, backward)(images, scale, offset)


@compiled
def _normalize(
    images: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    mean = _channel_means(images)
    centred = images - mean
    variance = _channel_means(centred * centred)
    return centred * (tf.math.rsqrt(variance + epsilon) * scale) + offset, mean, variance


@compiled
def _normalize_gradients(
    images: tf.Tensor, scale: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, gradient: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    inverse_deviation = tf.math.rsqrt(variance + epsilon)
    standardized = (images - mean) * inverse_deviation
    count = tf.cast(tf.size(gradient) // tf.size(scale), gradient.dtype)
    along = _channel_sums(gradient * standardized)
    total = _channel_sums(gradient)
    to_images = (inverse_deviation * scale) * (gradient - total / count - standardized * (along / count))
    return to_images, along, total


def _channel_means(images: tf.Tensor) -> tf.Tensor:
    return _channel_sums(images) / math.prod(images.shape[:3])


def _channel_sums(images: tf.Tensor) -> tf.Tensor:
    """Returns each channel's sum over batch, height and width, in three steps.

    First the batch's quarters are added: a sum of four terms runs in the loop that computes the terms, whereas a sum
    over an axis reads them from memory. Then whole rows of images are added as long vectors; XLA would turn a sum over
    three axes into windows that it walks through element by element.
    """
    batch, height, width, channels = images.shape
    parts = math.gcd(batch, 4)
    part = functools.reduce(tf.add, tf.split(images, parts))
    rows = tf.reduce_sum(tf.reshape(part, [batch // parts * height, width * channels]), axis=0)
    return tf.reduce_sum(tf.reshape(rows, [width, channels]), axis=0)
