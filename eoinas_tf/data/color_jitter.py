"""Random changes of brightness, contrast, saturation and hue, drawn for each image."""

from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from eoinas_tf.data.batch_rows import BatchRows, draw_uniform
from eoinas_tf.kernels.compiled_functions import compiled

# Weights of red, green and blue in the grey value of a colour.
GREY_WEIGHTS = (0.299, 0.587, 0.114)
WHITE = 255.0
# Takes an image's planes, float32 [channels, height, width], and an amount; returns the changed planes.
Change = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def flip_jitter_and_normalize(
    images: tf.Tensor,
    strength: float,
    hue: float,
    seed: tf.Tensor,
    rows: BatchRows | None = None,
    *,
    is_flipped: tf.Tensor | None = None,
    mean: np.ndarray | float = 0.0,
    standard_deviation: np.ndarray | float = 1.0,
) -> tf.Tensor:
    """Flips images, changes their colours and normalizes them, in one pass over the pixels instead of three.

    Brightness, contrast, saturation and hue are changed in an order that is drawn for each image: the first three by
    factors that are uniform in [1 - strength, 1 + strength], the hue by a turn that is uniform in [-hue, hue]. After
    each change, values out of range are clipped. Grey images have brightness and contrast only.

    Args:
        images: [batch, height, width, channels], 0 to 255; static number of channels, 1 or 3.
        strength: Largest relative change of brightness, contrast and saturation, in [0, 1].
        hue: Largest turn of the hue, a fraction of the full circle of colours, in [0, 0.5].
        seed: Seed of the draw of colours, integer [2].
        rows: The rows of the batch that the images are; by default the whole batch.
        is_flipped: Which images are flipped left to right first, bool [batch]; by default none of them.
        mean: What is subtracted last, float32 [channels] or one value, on the scale 0 to 255.
        standard_deviation: What the difference is divided by, likewise.

    Returns:
        float32 images of the same shape; not rounded.
    """
    channels = images.shape[-1]
    is_colour = channels == 3
    changes: list[tuple[Change, float]] = []
    if strength > 0:
        changes += [(change_brightness, strength), (change_contrast, strength)]
        changes += [(change_saturation, strength)] if is_colour else []
    if hue > 0 and is_colour:
        changes.append((turn_hue, hue))
    images = tf.convert_to_tensor(images)
    draws = draw_uniform([2, tf.shape(images)[0], len(changes)], 1, seed, rows, -1.0, 1.0)
    amounts, orders = draws[0] * [largest for _, largest in changes], tf.argsort(draws[1])
    is_flipped = tf.zeros(tf.shape(images)[0], tf.bool) if is_flipped is None else is_flipped
    normalization = [np.broadcast_to(np.float32(values), [channels]) for values in (mean, standard_deviation)]

    own_changes = tuple(change for change, _ in changes)
    # One image after another, because an image fits into the CPU's cache and a batch does not.
    return tf.map_fn(
        lambda parts: _flip_change_and_normalize(*parts, *normalization, own_changes),
        (images, is_flipped, amounts, orders),
        fn_output_signature=tf.TensorSpec(images.shape[1:], tf.float32),
    )


# When compiled, each change is one loop over the pixels, five times as fast as TensorFlow's own operations.
@compiled
def _flip_change_and_normalize(
    image: tf.Tensor,
    is_flipped: tf.Tensor,
    amounts: tf.Tensor,
    order: tf.Tensor,
    means: tf.Tensor,
    deviations: tf.Tensor,
    changes: tuple[Change, ...],
) -> tf.Tensor:
    """Flips, applies each change once, by its own amount and in the order of the indices in `order`, and normalizes."""
    image = tf.where(is_flipped, tf.reverse(image, axis=[1]), image)
    # Plane by plane: loops over a plane use the CPU's vector instructions, loops over pixels of three values do not.
    planes = tf.transpose(tf.cast(image, tf.float32), [2, 0, 1])
    for which in tf.unstack(order):
        branches = [partial(change, planes, amounts[number]) for number, change in enumerate(changes)]
        planes = tf.ensure_shape(tf.switch_case(which, branches), planes.shape)
    return tf.transpose((planes - means[:, None, None]) / deviations[:, None, None], [1, 2, 0])


def change_brightness(planes: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Returns the image with all values multiplied by 1 + amount."""
    return _clipped(planes * (1 + amount))


def change_contrast(planes: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Returns the image with all distances from its mean grey multiplied by 1 + amount."""
    # Whole lines are added first: a sum over both axes would be compiled to scalar additions, one after another.
    line = tf.reduce_mean(grey(planes), axis=0)
    return _apart(planes, tf.reduce_mean(line), amount)


def change_saturation(planes: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Returns the image with each pixel's distance from its own grey multiplied by 1 + amount."""
    return _apart(planes, grey(planes), amount)


def turn_hue(planes: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Returns the image with its hues rotated by a fraction of the full circle; value and chroma are kept.

    The result is that of `tf.image.adjust_hue`. On the circle of hues, of length 6, red, green and blue lie at 0, 2 and
    4. A channel has the largest value up to a distance of 1 from its own position, and the smallest from 2 on.
    """
    red, green, blue = tf.unstack(planes)
    largest = tf.maximum(tf.maximum(red, green), blue)
    chroma = largest - tf.minimum(tf.minimum(red, green), blue)
    is_red, is_green = largest == red, largest == green
    place = tf.where(is_red, 0.0, tf.where(is_green, 2.0, 4.0))
    beside = tf.where(is_red, green - blue, tf.where(is_green, blue - red, red - green))
    # Grey may have any hue.
    hues = place + beside / tf.where(chroma > 0, chroma, 1.0)
    offsets = hues + 6 * amount - tf.reshape([0.0, 2.0, 4.0], [3, 1, 1])
    distances = tf.abs(offsets - 6 * tf.round(offsets / 6))
    return largest - chroma * tf.clip_by_value(distances - 1, 0.0, 1.0)


def grey(planes: tf.Tensor) -> tf.Tensor:
    """Returns the grey values of the image, [height, width]."""
    if planes.shape[0] == 1:
        return planes[0]
    red, green, blue = (weight * plane for weight, plane in zip(GREY_WEIGHTS, tf.unstack(planes), strict=True))
    return red + green + blue


def _apart(planes: tf.Tensor, middle: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    return _clipped(middle + (planes - middle) * (1 + amount))


def _clipped(planes: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(planes, 0.0, WHITE)
