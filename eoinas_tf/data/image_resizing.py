"""Resizes images with antialiased bilinear interpolation, whole or by their shorter side with a centre crop.

However long and thin an image is, intermediate results are not much larger than the image or the result.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.kernels.compiled_functions import compiled

# Pixels of an image with one or both of its sides resized. If there would be more, the part that is not needed is cut
# off first, and the side that leaves fewer pixels is resized first. Ordinary photographs stay below and so keep their
# bytes; the other order gives the same pixels up to rounding.
MOST_RESIZED_PIXELS = 2**23


def resize_images(images: tf.Tensor, image_size: tuple[int, int] | tf.Tensor) -> tf.Tensor:
    """Resizes with antialiased bilinear interpolation.

    Args:
        images: uint8 tensor of shape [height, width, c] or [b, height, width, c].
        image_size: (height, width) in pixels to resize to.

    Returns:
        uint8 tensor, rounded to the nearest, with the new height and width.
    """
    images = tf.convert_to_tensor(images)
    height, width = _sides(images)
    rows_first, columns_first = _product(image_size[0], width), _product(image_size[1], height)
    return _either(
        (rows_first > MOST_RESIZED_PIXELS) & (columns_first < rows_first),
        lambda: _turned(_resize_rows_first(_turned(images), (image_size[1], image_size[0]))),
        lambda: _resize_rows_first(images, image_size),
    )


def _resize_rows_first(
    images: tf.Tensor,
    image_size: tuple[int, int] | tf.Tensor,
    scales: list[tf.Tensor] | None = None,
    shifts: list[tf.Tensor] | None = None,
) -> tf.Tensor:
    """Resizes as `resize_images` does; with scales and shifts, to a window of the resized image."""
    batch = images if images.shape.rank == 4 else images[None]
    scales, shifts = scales or [None, None], shifts or [0.0, 0.0]
    turned = tf.transpose(_resize_lines(batch, image_size[0], scales[0], shifts[0]), [0, 2, 1, 3])
    resized = _resize_lines(turned, image_size[1], scales[1], shifts[1])
    turn = _turn_and_round_compiled if kernel_policy.compile_resizing(resized, image_size) else _turn_and_round
    return turn(resized) if images.shape.rank == 4 else turn(resized)[0]


def _resize_lines(
    images: tf.Tensor, lines: int | tf.Tensor, scale: tf.Tensor | None, shift: float | tf.Tensor
) -> tf.Tensor:
    """Resizes images [b, height, width, c] to [b, lines, width, c], float32, as `tf.image.resize` does.

    `tf.image.resize` spends most of its time along the other side, pixel by pixel, and divides each line of the result
    among threads. If each line is treated as one pixel, nothing is divided and whole lines are added, so resizing,
    turning and resizing again takes half the time, for the same pixels.
    """
    batch, height, width, channels = (
        static or tf.shape(images)[axis] for axis, static in enumerate(images.shape.as_list())
    )
    resized = tf.raw_ops.ScaleAndTranslate(
        images=tf.reshape(images, [batch, 1, height, width * channels]),
        size=[1, lines],
        scale=[1.0, tf.cast(lines / height, tf.float32) if scale is None else scale],
        translation=[0.0, shift],
        kernel_type="triangle",
        antialias=True,
    )
    return tf.reshape(resized, [batch, lines, width, channels])


def _turn_and_round(images: tf.Tensor) -> tf.Tensor:
    # Weighted means exceed the range by no more than rounding does.
    return tf.cast(tf.round(tf.transpose(images, [0, 2, 1, 3])), tf.uint8)


# One loop instead of three: four times as fast.
_turn_and_round_compiled = compiled(_turn_and_round)


def fit_images(images: tf.Tensor, image_size: tuple[int, int], resize_side: int | None = None) -> tf.Tensor:
    """Resizes images of one size to another: directly, or by their shorter side with a centre crop.

    Images that have the size already are returned as they are: what was fitted once is not fitted again.

    Args:
        images: uint8 tensor of shape [height, width, c] or [b, height, width, c].
        image_size: (height, width) in pixels of the result.
        resize_side: Pixels that the shorter side is resized to before the centre crop, no fewer than the larger of
            `image_size`. If `None`, height and width are resized independently.

    Returns:
        uint8 tensor with the new height and width.
    """
    images = tf.convert_to_tensor(images)
    height, width = _sides(images)
    return _either(
        (height == image_size[0]) & (width == image_size[1]),
        lambda: images,
        lambda: (
            resize_images(images, image_size)
            if resize_side is None
            else _fit_by_shorter_side(images, image_size, resize_side)
        ),
    )


def fit_pixels(pixels: np.ndarray, image_size: tuple[int, int], resize_side: int | None = None) -> np.ndarray:
    """Does the same as `fit_images` for many images, some at a time: while one is resized, it takes much more memory.

    Args:
        pixels: uint8 [n, height, width, channels].
        image_size: As for `fit_images`.
        resize_side: Likewise.

    Returns:
        uint8 [n, *image_size, channels].
    """
    if pixels.shape[1:3] == tuple(image_size):
        return pixels
    fitted = np.empty((len(pixels), *image_size, pixels.shape[3]), np.uint8)
    height, width = pixels.shape[1:3]
    scale = (resize_side or 0) / min(height, width)
    largest = max(height, image_size[0], height * scale) * max(width, image_size[1], width * scale)
    count = max(1, int(MOST_RESIZED_PIXELS / largest))
    for first in range(0, len(pixels), count):
        some = slice(first, first + count)
        fitted[some] = fit_images(pixels[some], image_size, resize_side).numpy()
    return fitted


def image_fitter(image_size: tuple[int, int], resize_side: int | None = None) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function that does the same as `fit_images` for one image after another, several times as fast.

    Called eagerly, `fit_images` takes milliseconds even for a tiny image, most of them to start its operations one by
    one. Here they are a graph, which is traced once for all sizes. It may be called in several threads.

    Args:
        image_size: (height, width) in pixels of the result.
        resize_side: As for `fit_images`.

    Returns:
        A function from an image, uint8 tensor of shape [height, width, 1 or 3], or from several of one size with a
        batch dimension, to the resized ones.
    """
    graphs = {
        (rank, channels): tf.function(
            lambda images: fit_images(images, image_size, resize_side),
            input_signature=[tf.TensorSpec([None] * (rank - 1) + [channels], tf.uint8)],
            autograph=False,
        )
        for rank in (3, 4)
        for channels in (1, 3)
    }
    return lambda images: graphs[len(images.shape), images.shape[-1]](images)


def _fit_by_shorter_side(images: tf.Tensor, image_size: tuple[int, int], resize_side: int) -> tf.Tensor:
    """Resizes by the shorter side and cuts out the middle."""
    height, width = _sides(images)
    own_sides = tf.cast(tf.stack([height, width]), tf.int64)
    # The longer side is rounded down, and a margin with half a pixel to the even number, as in most test scripts.
    sides = resize_side * own_sides // tf.reduce_min(own_sides)
    margins = tf.cast(tf.round((sides - image_size) / 2), tf.int64)

    def cut_after() -> tf.Tensor:
        top, left = tf.unstack(tf.cast(margins, tf.int32))
        resized = resize_images(images, tf.cast(sides, tf.int32))
        return resized[..., top : top + image_size[0], left : left + image_size[1], :]

    pixels = tf.maximum(tf.reduce_prod(sides), sides[0] * own_sides[1])
    return _either(
        pixels > MOST_RESIZED_PIXELS, lambda: _resize_middle(images, image_size, own_sides, sides, margins), cut_after
    )


def _resize_middle(
    images: tf.Tensor, image_size: tuple[int, int], own_sides: tf.Tensor, sides: tf.Tensor, margins: tf.Tensor
) -> tf.Tensor:
    """Cuts out the pixels that the middle of the resized image needs and resizes only those, with the same weights."""
    scales, edges = sides / own_sides, tf.cast(margins, tf.float64)
    # A weight spans a pixel of the image or of the result, whichever is larger.
    reach = tf.math.ceil(tf.maximum(1 / scales, 1.0)) + 1
    first = tf.maximum(tf.cast(tf.floor(edges / scales - reach), tf.int64), 0)
    end = tf.minimum(tf.cast(tf.math.ceil((edges + image_size) / scales + reach), tf.int64), own_sides)
    part = images[..., first[0] : end[0], first[1] : end[1], :]
    shifts = tf.unstack(tf.cast(tf.cast(first, tf.float64) * scales - edges, tf.float32))
    scales = tf.unstack(tf.cast(scales, tf.float32))
    height, width = tf.unstack(end - first)
    return _either(
        image_size[0] * width > image_size[1] * height,
        lambda: _turned(_resize_rows_first(_turned(part), image_size[::-1], scales[::-1], shifts[::-1])),
        lambda: _resize_rows_first(part, image_size, scales, shifts),
    )


def _sides(images: tf.Tensor) -> list[int | tf.Tensor]:
    """Returns height and width, as plain numbers if they are known."""
    return [images.shape[axis] or tf.shape(images)[axis] for axis in (-3, -2)]


def _product(first: int | tf.Tensor, second: int | tf.Tensor) -> int | tf.Tensor:
    is_plain = not tf.is_tensor(first) and not tf.is_tensor(second)
    return first * second if is_plain else tf.cast(first, tf.int64) * tf.cast(second, tf.int64)


def _either(
    condition: bool | tf.Tensor, if_true: Callable[[], tf.Tensor], if_false: Callable[[], tf.Tensor]
) -> tf.Tensor:
    """Calls one of two functions; in a graph, the condition may already be known while it is built."""
    if not tf.is_tensor(condition):
        return if_true() if condition else if_false()
    return tf.cond(condition, if_true, if_false)


def _turned(images: tf.Tensor) -> tf.Tensor:
    """Swaps rows and columns."""
    return tf.transpose(images, [1, 0, 2] if images.shape.rank == 3 else [0, 2, 1, 3])
