"""RandAugment: changes each image several times in shape or colour, by operations drawn from a list (arXiv 1909.13719).

The list and the strengths are those of Cubuk et al. Keras's RandAugment layer draws from a stateful generator, and the
same changes for a whole batch; here only those parts of Keras are used that draw nothing.
"""

import math
from collections.abc import Callable
from functools import partial

import keras
import tensorflow as tf

from eoinas_tf.data.batch_rows import BatchRows, draw_uniform
from eoinas_tf.data.color_jitter import WHITE, change_brightness, change_contrast, change_saturation

LARGEST_MAGNITUDE = 10.0
LARGEST_TURN_DEGREES = 30.0
LARGEST_SHEAR = 0.3
# Fraction of the image's width or height.
LARGEST_SHIFT = 0.45
# Largest relative change of brightness, contrast, saturation and sharpness.
LARGEST_CHANGE = 0.9
MOST_BITS_LOST = 4
# Value of pixels from beyond the image's borders.
BEYOND = 128.0
# Weights of a pixel and its eight neighbours in the smoothed image for sharpening, as in Pillow's SMOOTH.
SMOOTHING = ((1, 1, 1), (1, 5, 1), (1, 1, 1))

# Takes an image, float32 [height, width, channels] of whole values from 0 to 255, and the amount in [-1, 1], a scalar
# whose absolute value is the strength; returns the changed image, not rounded.
Operation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def rand_augment(
    images: tf.Tensor, layers: int, magnitude: float, seed: tf.Tensor, rows: BatchRows | None = None
) -> tf.Tensor:
    """Applies several operations to each image, drawing each operation and its direction.

    Args:
        images: [batch, height, width, channels], 0 to 255; static height, width and number of channels, 1 or 3.
        layers: Number of operations for each image; with 0 the images are returned unchanged.
        magnitude: Strength of all of them, from 0 to 10.
        seed: Seed of the draws, integer [2].
        rows: The rows of the batch that the images belong to; by default the whole batch.

    Returns:
        float32 images of the same shape, with whole values.
    """
    if layers == 0:
        return images
    operations = operations_for(images.shape[-1])
    images = tf.convert_to_tensor(images)
    draws = draw_uniform([2, tf.shape(images)[0], layers], 1, seed, rows)
    choices = tf.cast(draws[0] * len(operations), tf.int32)
    amounts = tf.where(draws[1] < 0.5, -1.0, 1.0) * (magnitude / LARGEST_MAGNITUDE)
    return tf.map_fn(
        lambda parts: _change(parts[0], parts[1], parts[2], operations),
        (images, choices, amounts),
        fn_output_signature=tf.TensorSpec(images.shape[1:], tf.float32),
    )


def operations_for(channels: int) -> tuple[Operation, ...]:
    """Returns the operations for images with this many channels; for grey images, without saturation."""
    return tuple(operation for name, operation in OPERATIONS.items() if channels == 3 or name != "saturation")


def _change(image: tf.Tensor, choices: tf.Tensor, amounts: tf.Tensor, operations: tuple[Operation, ...]) -> tf.Tensor:
    image = tf.cast(image, tf.float32)
    shape = image.shape
    for choice, amount in zip(tf.unstack(choices), tf.unstack(amounts), strict=True):
        branches = [partial(operation, image, amount) for operation in operations]
        # Whole values after each operation, as in an image file: some operations count them.
        image = tf.ensure_shape(tf.clip_by_value(tf.round(tf.switch_case(choice, branches)), 0.0, WHITE), shape)
    return image


def _identity(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    return tf.identity(image)


def _auto_contrast(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Stretches each channel to the whole range."""
    # Not in the type in which networks compute.
    return keras.layers.AutoContrast(dtype="float32")(image, training=True)


def _equalize(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Spreads each channel's values so that all are about equally frequent."""
    return keras.layers.Equalization(dtype="float32")(image, training=True)


def _rotate(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    angle = amount * math.radians(LARGEST_TURN_DEGREES)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    middle_row, middle_column = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
    column_shift = middle_column - cosine * middle_column - sine * middle_row
    row_shift = middle_row + sine * middle_column - cosine * middle_row
    return _moved(image, cosine, sine, column_shift, -sine, cosine, row_shift)


def _shear_columns(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    return _moved(image, 1.0, LARGEST_SHEAR * amount, 0.0, 0.0, 1.0, 0.0)


def _shear_rows(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    return _moved(image, 1.0, 0.0, 0.0, LARGEST_SHEAR * amount, 1.0, 0.0)


def _shift_columns(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    return _moved(image, 1.0, 0.0, tf.round(LARGEST_SHIFT * amount * image.shape[1]), 0.0, 1.0, 0.0)


def _shift_rows(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    return _moved(image, 1.0, 0.0, 0.0, 0.0, 1.0, tf.round(LARGEST_SHIFT * amount * image.shape[0]))


def _moved(image: tf.Tensor, *coefficients: tf.Tensor | float) -> tf.Tensor:
    """Moves pixels, with bilinear interpolation.

    Args:
        image: The image.
        *coefficients: a, b, c, d, e, f: column x of row y is taken from column a x + b y + c of row d x + e y + f.
    """
    transform = tf.stack([*(tf.cast(value, tf.float32) for value in coefficients), 0.0, 0.0])
    return keras.ops.image.affine_transform(
        image, transform, interpolation="bilinear", fill_mode="constant", fill_value=BEYOND, data_format="channels_last"
    )


def _solarize(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Inverts values above a threshold, which falls from above white to black."""
    threshold = (WHITE + 1) * (1 - tf.abs(amount))
    return tf.where(image >= threshold, WHITE - image, image)


def _posterize(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Sets the lowest bits of all values to 0, up to four of eight."""
    step = tf.pow(2.0, tf.round(MOST_BITS_LOST * tf.abs(amount)))
    return tf.floor(image / step) * step


def _sharpen(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Multiplies the difference from the smoothed image by 1 + change; the border is not smoothed."""
    kernel = tf.constant(SMOOTHING, tf.float32) / float(sum(map(sum, SMOOTHING)))
    channels = image.shape[-1]
    inner = tf.nn.depthwise_conv2d(
        image[None], tf.tile(kernel[:, :, None, None], [1, 1, channels, 1]), [1, 1, 1, 1], "VALID"
    )[0]
    border = tf.pad(tf.zeros(inner.shape, tf.bool), [[1, 1], [1, 1], [0, 0]], constant_values=True)
    smooth = tf.where(border, image, tf.pad(inner, [[1, 1], [1, 1], [0, 0]]))
    return smooth + (image - smooth) * (1 + LARGEST_CHANGE * amount)


def _of_planes(change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> Operation:
    """Turns a change of colour planes [channels, height, width] into an operation."""

    def operation(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
        return tf.transpose(change(tf.transpose(image, [2, 0, 1]), LARGEST_CHANGE * amount), [1, 2, 0])

    return operation


OPERATIONS: dict[str, Operation] = {
    "identity": _identity,
    "auto_contrast": _auto_contrast,
    "equalize": _equalize,
    "rotate": _rotate,
    "solarize": _solarize,
    "saturation": _of_planes(change_saturation),
    "posterize": _posterize,
    "contrast": _of_planes(change_contrast),
    "brightness": _of_planes(change_brightness),
    "sharpness": _sharpen,
    "shear_columns": _shear_columns,
    "shear_rows": _shear_rows,
    "shift_columns": _shift_columns,
    "shift_rows": _shift_rows,
}
