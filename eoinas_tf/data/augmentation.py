"""Augmentation of whole batches, with random values that depend on a seed alone.

All functions work eagerly and inside a `tf.data` map.
"""

import numpy as np
import tensorflow as tf

from eoinas_tf.data.batch_rows import BatchRows, draw_uniform
from eoinas_tf.data.image_split import ImageSplit

MOST_IMAGES_FOR_STATISTICS = 10_000
# Images in memory at a time for their statistics, and of large ones their values.
STATISTICS_CHUNK, MOST_VALUES = 500, 2**25


def pad_crop(images: tf.Tensor, padding: int, seed: tf.Tensor, rows: BatchRows | None = None) -> tf.Tensor:
    """Pads each image with black and crops it to its size at a random position.

    Args:
        images: [batch, height, width, channels], any type; static height, width and channels.
        padding: Pixels added on each side; with 0 the images are returned unchanged.
        seed: Seed of the draw, integer [2].
        rows: The rows of the batch that the images belong to; by default the whole batch.

    Returns:
        Images of the same shape and type.
    """
    if padding == 0:
        return images
    batch = tf.shape(images)[0]
    height, width = images.shape[1], images.shape[2]
    padded = tf.pad(images, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
    offsets = draw_uniform([2, batch], 1, seed, rows, 0, 2 * padding + 1, tf.int32)
    lines = offsets[0][:, None] + tf.range(height)
    columns = offsets[1][:, None] + tf.range(width)
    cropped = tf.gather(tf.gather(padded, lines, batch_dims=1), columns, axis=2, batch_dims=1)
    return tf.ensure_shape(cropped, images.shape)


def horizontal_flip(images: tf.Tensor, seed: tf.Tensor, rows: BatchRows | None = None) -> tf.Tensor:
    """Flips each image left to right with probability one half.

    Args:
        images: [batch, height, width, channels], any type.
        seed: Seed of the draw, integer [2].
        rows: The rows of the batch that the images belong to; by default the whole batch.

    Returns:
        Images of the same shape and type.
    """
    is_flipped = draw_flips(tf.shape(images)[0], seed, rows)
    # Image by image: reversing all of them and selecting takes ten times as long.
    return tf.map_fn(
        lambda parts: tf.cond(parts[1], lambda: tf.reverse(parts[0], axis=[1]), lambda: parts[0]),
        (images, is_flipped),
        fn_output_signature=tf.TensorSpec(images.shape[1:], images.dtype),
    )


def draw_flips(batch_size: int | tf.Tensor, seed: tf.Tensor, rows: BatchRows | None = None) -> tf.Tensor:
    """Draws which images are flipped, each with probability one half: bool [batch].

    Args:
        batch_size: Number of images to draw for.
        seed: Seed of the draw, integer [2].
        rows: The rows of the batch that they belong to; by default the whole batch.
    """
    return draw_uniform([batch_size], 0, seed, rows) < 0.5


def normalize_channels(images: tf.Tensor, mean: np.ndarray, standard_deviation: np.ndarray) -> tf.Tensor:
    """Subtracts the channels' means and divides by their standard deviations.

    Args:
        images: uint8 or float32 [batch, height, width, channels], 0 to 255.
        mean: float32 [channels], on the scale 0 to 255.
        standard_deviation: float32 [channels], on the scale 0 to 255.

    Returns:
        float32 images of the same shape.
    """
    # By whole rows of pixels: with three values at a time it would take four times as long.
    width, channels = images.shape[2:]
    row_means, row_deviations = (
        np.tile(np.broadcast_to(values, [channels]), width) for values in (mean, standard_deviation)
    )
    pixel_rows = tf.reshape(tf.cast(images, tf.float32), [-1, width * channels])
    return tf.reshape((pixel_rows - row_means) / row_deviations, tf.shape(images))


def cutout(images: tf.Tensor, length: int, seed: tf.Tensor, rows: BatchRows | None = None) -> tf.Tensor:
    """Sets one square of each image to zero; its centre may be anywhere, so part of it may lie outside.

    Args:
        images: [batch, height, width, channels], normalized, so that zero is the mean colour.
        length: Side of the square in pixels; with 0 the images are returned unchanged.
        seed: Seed of the draw, integer [2].
        rows: The rows of the batch that the images belong to; by default the whole batch.

    Returns:
        Images of the same shape and type.
    """
    if length == 0:
        return images
    batch = tf.shape(images)[0]
    height, width = images.shape[1], images.shape[2]
    centres = draw_uniform([2, batch], 1, seed, rows)
    is_blank = [
        _inside(tf.cast(tf.floor(centre * side), tf.int32), side, length)
        for centre, side in zip(tf.unstack(centres), (height, width), strict=True)
    ]
    blank = is_blank[0][:, :, None, None] & is_blank[1][:, None, :, None]
    return tf.where(blank, tf.zeros([], images.dtype), images)


def _inside(centres: tf.Tensor, side: int, length: int) -> tf.Tensor:
    """Tells for each image and position along one side whether it lies in the square: bool [batch, side]."""
    first = (centres - length // 2)[:, None]
    positions = tf.range(side)[None, :]
    return (positions >= first) & (positions < first + length)


def channel_statistics(split: ImageSplit) -> tuple[np.ndarray, np.ndarray]:
    """Measures each channel's mean and standard deviation over a split's pixels.

    Args:
        split: The training images; of more than 10,000 images, 10,000 evenly spaced ones are measured.

    Returns:
        Mean and standard deviation, float32 [channels], on the scale 0 to 255; a constant channel has standard
        deviation 1.
    """
    count = min(len(split), MOST_IMAGES_FOR_STATISTICS)
    chosen = np.linspace(0, len(split) - 1, count).round().astype(np.int64)
    sums, squares, pixels = np.zeros(1), np.zeros(1), 0
    values = split.read(chosen[:1]).size
    chunk = min(STATISTICS_CHUNK, max(1, MOST_VALUES // values))
    for start in range(0, count, chunk):
        images = split.read(chosen[start : start + chunk]).astype(np.float64)
        sums = sums + images.sum(axis=(0, 1, 2))
        squares = squares + np.square(images).sum(axis=(0, 1, 2))
        pixels += images[..., 0].size
    mean = sums / pixels
    deviation = np.sqrt(np.maximum(squares / pixels - mean**2, 0.0))
    return mean.astype(np.float32), np.where(deviation > 1e-3, deviation, 1.0).astype(np.float32)
