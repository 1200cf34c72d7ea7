"""Turns photographs upright: cameras store the sensor's rows unchanged and record in EXIF how the camera was held."""

import tensorflow as tf
from PIL import ExifTags

from eoinas_tf.data.image_headers import UnreadableImageError
from eoinas_tf.data.pillow_decoding import open_by_pillow, pillow_errors

UPRIGHT = 1
# Without one of these, nothing in a JPEG or PNG file states its orientation.
MARKERS = (b"Exif\0\0", b"eXIf", b"Raw profile type", b"http://ns.adobe.com/xap/", b"XML:com.adobe.xmp")


def exif_orientation(encoded: bytes) -> int:
    """Returns the orientation that a JPEG's or PNG's metadata states.

    Args:
        encoded: The file's content.

    Returns:
        1 to 8, as numbered by EXIF 2.32 (table 6, tag 0x0112); 1, upright, if no valid orientation is stated.
    """
    if not any(marker in encoded for marker in MARKERS):
        return UPRIGHT
    try:
        image = open_by_pillow(encoded, ("JPEG", "PNG"))
        with pillow_errors():
            orientation = image.getexif().get(ExifTags.Base.Orientation)
    # Unreadable metadata counts as none; whether the pixels can be read is for the decoder to say.
    except (UnreadableImageError, tf.errors.InvalidArgumentError):
        return UPRIGHT
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else UPRIGHT


def turn_upright(image: tf.Tensor, orientation: int | tf.Tensor) -> tf.Tensor:
    """Turns and mirrors stored pixels to the photograph's upright orientation.

    Args:
        image: Tensor of shape [height, width, channels].
        orientation: 1 to 8, a number or an integer scalar tensor.

    Returns:
        The same values; for orientations 5 to 8, with shape [width, height, channels].
    """
    if not tf.is_tensor(orientation) and orientation == UPRIGHT:
        return image
    orientation, channels = tf.convert_to_tensor(orientation), image.shape[-1]

    def turned() -> tf.Tensor:
        pixels = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        # Orientations in which the first and the last stored row or column change places.
        pixels = tf.cond(_is_one_of(orientation, (3, 4, 7, 8)), lambda: tf.reverse(pixels, [0]), lambda: pixels)
        return tf.cond(_is_one_of(orientation, (2, 3, 6, 7)), lambda: tf.reverse(pixels, [1]), lambda: pixels)

    upright = tf.cond(orientation > UPRIGHT, turned, lambda: image)
    if not tf.executing_eagerly():
        upright.set_shape([None, None, channels])
    return upright


def _is_one_of(orientation: tf.Tensor, values: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(orientation, values))
