"""Random-resized crop: a window of random area and shape, resized to the network's input size.

The window is chosen from the image's size before decoding, so that only the window's rows and columns of a JPEG file
are decoded.
"""

import math

import tensorflow as tf

from eoinas_tf.data.batch_rows import BatchRows, draw_uniform
from eoinas_tf.data.image_decoding import convert_channels, decode_image
from eoinas_tf.data.image_orientation import UPRIGHT
from eoinas_tf.data.image_resizing import resize_images

SMALLEST_AREA = 0.08
LARGEST_ASPECT = 4 / 3
ATTEMPTS = 10


def draw_crops(batch_size: int | tf.Tensor, seed: tf.Tensor, rows: BatchRows | None = None) -> tf.Tensor:
    """Draws the random values of a batch's windows, which do not depend on the images' sizes.

    Args:
        batch_size: Number of images to draw for.
        seed: Seed of the draw, integer [2].
        rows: The rows of the batch that they belong to; by default the whole batch.

    Returns:
        float32 [batch, ATTEMPTS, 4], uniform in [0, 1): area, shape, row and column of each attempt.
    """
    return draw_uniform([batch_size, ATTEMPTS, 4], 0, seed, rows)


def crop_window(height: tf.Tensor, width: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Turns random values into a window of an image.

    The area is uniform in 8 to 100 % of the image's, the logarithm of width / height uniform between those of 3/4 and
    4/3. The first attempt that fits into the image is used; if none does, the window is the middle of the image, as
    large as these shapes allow.

    Args:
        height: Height in pixels, integer scalar.
        width: Width in pixels, integer scalar.
        draws: float32 [ATTEMPTS, 4] of `draw_crops`.

    Returns:
        int32 [4]: first row, first column, height and width of the window.
    """
    image_height, image_width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    area_draw, shape_draw, row_draw, column_draw = tf.unstack(draws, axis=1)
    area = image_height * image_width * (SMALLEST_AREA + (1 - SMALLEST_AREA) * area_draw)
    aspect = tf.exp((2 * shape_draw - 1) * math.log(LARGEST_ASPECT))
    heights, widths = tf.round(tf.sqrt(area / aspect)), tf.round(tf.sqrt(area * aspect))
    fits = (heights >= 1) & (heights <= image_height) & (widths >= 1) & (widths <= image_width)
    rows = tf.floor(row_draw * (image_height - heights + 1))
    columns = tf.floor(column_draw * (image_width - widths + 1))
    attempts = tf.stack([rows, columns, heights, widths], axis=1)
    middle_height = tf.minimum(image_height, tf.round(image_width * LARGEST_ASPECT))
    middle_width = tf.minimum(image_width, tf.round(image_height * LARGEST_ASPECT))
    margins = [tf.floor((image_height - middle_height) / 2), tf.floor((image_width - middle_width) / 2)]
    middle = tf.stack([*margins, middle_height, middle_width])
    first = tf.gather(attempts, tf.argmax(fits))
    return tf.cast(tf.where(tf.reduce_any(fits), first, middle), tf.int32)


def crop_image(image: tf.Tensor, draws: tf.Tensor, image_size: tuple[int, int]) -> tf.Tensor:
    """Crops a decoded image to its window and resizes that with antialiased bilinear interpolation.

    Args:
        image: uint8 [height, width, channels].
        draws: float32 [ATTEMPTS, 4] of `draw_crops`.
        image_size: (height, width) in pixels of the result.

    Returns:
        uint8 [*image_size, channels].
    """
    return resize_images(_cut(image, draws), image_size)


def decode_crop(
    encoded: tf.Tensor, draws: tf.Tensor, image_shape: tuple[int, int, int], orientation: tf.Tensor | None = None
) -> tf.Tensor:
    """Decodes an image's window (for an upright JPEG, only the window), converts its channels and resizes it.

    A JPEG stores colours at half the size, so those of the window's outermost columns can differ slightly from those of
    the whole image decoded and cropped.

    Args:
        encoded: String tensor of shape [], the file's content.
        draws: float32 [ATTEMPTS, 4] of `draw_crops`.
        image_shape: (height, width, channels) of the result.
        orientation: EXIF orientation, which is applied before the window is chosen; see `decode_image`.

    Returns:
        uint8 tensor of shape `image_shape`.

    Raises:
        tf.errors.InvalidArgumentError: It is damaged, or not an image.
    """

    def of_jpeg() -> tf.Tensor:
        shape = tf.image.extract_jpeg_shape(encoded)
        return tf.image.decode_and_crop_jpeg(encoded, crop_window(shape[0], shape[1], draws))

    is_upright = True if orientation is None else orientation == UPRIGHT
    window = tf.cond(
        tf.io.is_jpeg(encoded) & is_upright, of_jpeg, lambda: _cut(decode_image(encoded, orientation), draws)
    )
    window = tf.ensure_shape(window, [None, None, None])
    return tf.ensure_shape(resize_images(convert_channels(window, image_shape[2]), image_shape[:2]), image_shape)


def _cut(image: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(image)
    row, column, height, width = tf.unstack(crop_window(shape[0], shape[1], draws))
    return image[row : row + height, column : column + width]
