"""Random changes of brightness, contrast, saturation and hue, of each image on its own."""

from collections.abc import Callable
from functools import partial

import tensorflow as tf

from eoinas_tf.data.batch_rows import BatchRows, draw_uniform

# Of the grey that a colour appears as.
GREY_WEIGHTS = (0.299, 0.587, 0.114)
WHITE = 255.0
# Takes an image's planes, float32 [channels, height, width], and an amount; returns the changed planes.
Change = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def jitter_colors(
    images: tf.Tensor, strength: float, hue: float, seed: tf.Tensor, rows: BatchRows | None = None
) -> tf.Tensor:
    """Changes each image's brightness, contrast, saturation and hue, in an order that is drawn for each image.

    The first three are changed by factors that are uniform in [1 - strength, 1 + strength], the hue
    by a turn that is uniform in [-hue, hue]. After each change what left the range is clipped. Grey
    images have brightness and contrast only.

    Args:
        images: [batch, height, width, channels], 0 to 255; static number of channels, 1 or 3.
        strength: Largest relative change of brightness, contrast and saturation, in [0, 1].
        hue: Largest turn of the hue, a fraction of the full circle of colours, in [0, 0.5].
        seed: Seed of the draw, integer [2].
        rows: The rows of the batch that the images are; the whole batch where not given.

    Returns:
        float32 images of the same shape, 0 to 255; not rounded.
    """
    is_colour = images.shape[-1] == 3
    changes: list[tuple[Change, float]] = []
    if strength > 0:
        changes += [(change_brightness, strength), (change_contrast, strength)]
        changes += [(change_saturation, strength)] if is_colour else []
    if hue > 0 and is_colour:
        changes.append((turn_hue, hue))
    if not changes:
        return tf.cast(images, tf.float32)
    draws = draw_uniform([2, tf.shape(images)[0], len(changes)], 1, seed, rows, -1.0, 1.0)
    amounts, orders = draws[0] * [largest for _, largest in changes], tf.argsort(draws[1])

    own_changes = tuple(change for change, _ in changes)
    # One image after another, because it fits into the processor's cache and a batch does not.
    return tf.map_fn(
        lambda parts: _change_in_order(*parts, own_changes),
        (tf.convert_to_tensor(images), amounts, orders),
        fn_output_signature=tf.TensorSpec(images.shape[1:], tf.float32),
    )


# Compiled, the changes are one loop over the pixels each, five times as fast as TensorFlow's own operations.
@partial(tf.function, jit_compile=True, autograph=False)
def _change_in_order(image: tf.Tensor, amounts: tf.Tensor, order: tf.Tensor, changes: tuple[Change, ...]) -> tf.Tensor:
    """Applies each change once, by its own amount, in the order of their numbers in `order`."""
    # Plane by plane: the loops over a plane use the processor's vectors, those over pixels of three numbers do not.
    planes = tf.transpose(tf.cast(image, tf.float32), [2, 0, 1])
    for which in tf.unstack(order):
        branches = [partial(change, planes, amounts[number]) for number, change in enumerate(changes)]
        planes = tf.ensure_shape(tf.switch_case(which, branches), planes.shape)
    return tf.transpose(planes, [1, 2, 0])


def change_brightness(planes: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Returns the image with all its values multiplied by 1 + amount."""
    return _clipped(planes * (1 + amount))


def change_contrast(planes: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Returns the image with all distances from its mean grey multiplied by 1 + amount."""
    # Lines are added first, whole: a sum over both sides would be compiled to one number after another.
    line = tf.reduce_mean(grey(planes), axis=0)
    return _apart(planes, tf.reduce_mean(line), amount)


def change_saturation(planes: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Returns the image with each pixel's distance from its own grey multiplied by 1 + amount."""
    return _apart(planes, grey(planes), amount)


def turn_hue(planes: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Returns the image with its hues turned by a fraction of the full circle, lightness and chroma kept."""
    pixels = tf.image.adjust_hue(tf.stack(tf.unstack(planes), axis=-1), amount)
    return _clipped(tf.stack(tf.unstack(pixels, axis=-1)))


def grey(planes: tf.Tensor) -> tf.Tensor:
    """Returns what the image looks like without colours, [height, width]."""
    if planes.shape[0] == 1:
        return planes[0]
    red, green, blue = (weight * plane for weight, plane in zip(GREY_WEIGHTS, tf.unstack(planes), strict=True))
    return red + green + blue


def _apart(planes: tf.Tensor, middle: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    return _clipped(middle + (planes - middle) * (1 + amount))


def _clipped(planes: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(planes, 0.0, WHITE)
