"""Random erasing: a rectangle of random position, area and shape becomes noise (Zhong et al., arXiv 1708.04896)."""

import math

import tensorflow as tf

from eoinas_tf.data.batch_rows import BatchRows, draw_uniform
from eoinas_tf.random_seeds import ALGORITHM

SMALLEST_AREA, LARGEST_AREA = 0.02, 1 / 3
# Ratio of height to width; the smallest is its inverse.
LARGEST_ASPECT = 1 / 0.3


def erase_rectangles(
    images: tf.Tensor, probability: float, seed: tf.Tensor, rows: BatchRows | None = None
) -> tf.Tensor:
    """Replaces a rectangle in some images with standard normal noise, one value per pixel and channel.

    The area is uniform in 2 to 33 % of the image's, the logarithm of height / width uniform between those of 0.3 and 1
    / 0.3; sides longer than the image's are shortened to them. All images of a batch share one field of noise, of which
    each shows a different window: drawing one for each would take longer than the rest of the pipeline.

    Args:
        images: float32 [batch, height, width, channels], normalized; static height, width and channels.
        probability: Fraction of the images that get a rectangle; with 0 the images are returned unchanged.
        seed: Seed of the draws, integer [2].
        rows: The rows of the batch that the images belong to; by default the whole batch.

    Returns:
        Images of the same shape and type.
    """
    if probability == 0:
        return images
    height, width = images.shape[1], images.shape[2]
    chance, area, shape, row, column = tf.unstack(draw_uniform([5, tf.shape(images)[0]], 1, seed, rows))
    pixels = height * width * (SMALLEST_AREA + (LARGEST_AREA - SMALLEST_AREA) * area)
    aspect = tf.exp((2 * shape - 1) * math.log(LARGEST_ASPECT))
    heights = tf.clip_by_value(tf.round(tf.sqrt(pixels * aspect)), 1, height)
    widths = tf.clip_by_value(tf.round(tf.sqrt(pixels / aspect)), 1, width)
    is_in_row = _is_between(tf.floor(row * (height - heights + 1)), heights, height)
    is_in_column = _is_between(tf.floor(column * (width - widths + 1)), widths, width)
    is_erased = (chance < probability)[:, None, None] & is_in_row[:, :, None] & is_in_column[:, None, :]
    noise_seed = tf.random.fold_in(seed, 0, alg=ALGORITHM)
    noise = tf.random.stateless_normal(images.shape[1:], noise_seed, dtype=images.dtype, alg=ALGORITHM)
    return tf.where(is_erased[..., None], noise, images)


def _is_between(first: tf.Tensor, length: tf.Tensor, side: int) -> tf.Tensor:
    """Tells for each image and position along one side whether it lies in the rectangle: bool [batch, side]."""
    positions = tf.range(side, dtype=tf.float32)[None, :]
    return (positions >= first[:, None]) & (positions < (first + length)[:, None])
