"""Decodes images to pixels with one size and one number of channels."""

import tensorflow as tf

from eoinas_tf.data.image_headers import PNG_START
from eoinas_tf.data.image_orientation import turn_upright
from eoinas_tf.data.image_resizing import fit_images
from eoinas_tf.data.pillow_decoding import decode_by_pillow


def decode_image(encoded: tf.Tensor, orientation: tf.Tensor | None = None) -> tf.Tensor:
    """Decodes an image in the format that its content shows: JPEG and PNG with TensorFlow, others with Pillow.

    Args:
        encoded: String tensor of shape [], the file's content.
        orientation: EXIF orientation of a JPEG or PNG, integer scalar; by default the image is not turned. Pillow turns
            the other formats itself, so theirs is 1.

    Returns:
        uint8 tensor of shape [height, width, channels] for a JPEG or PNG, otherwise the result of `decode_by_pillow`.

    Raises:
        tf.errors.InvalidArgumentError: It is damaged, or not an image that can be read.
    """
    is_png = tf.strings.substr(encoded, 0, len(PNG_START)) == PNG_START
    image = tf.cond(
        tf.io.is_jpeg(encoded) | is_png,
        lambda: decode_jpeg_or_png(encoded),
        lambda: _decode_by_pillow(encoded),
    )
    image = tf.ensure_shape(image, [None, None, None])
    return image if orientation is None else turn_upright(image, orientation)


# A separate graph function, so that errors are TensorFlow's even when it is called eagerly.
@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def _decode_by_pillow(encoded: tf.Tensor) -> tf.Tensor:
    return tf.numpy_function(decode_by_pillow, [encoded], tf.uint8, stateful=False)


def decode_jpeg_or_png(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG or PNG image as it is stored; other formats are not allowed here.

    Args:
        encoded: String tensor of shape [], the file's content.

    Returns:
        uint8 tensor of shape [height, width, channels].

    Raises:
        tf.errors.InvalidArgumentError: It is damaged.
    """
    return tf.io.decode_image(encoded, channels=0, expand_animations=False)


def convert_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Makes an image grey or colour.

    Alpha is dropped, not composited: colours under transparent pixels become visible, as with TensorFlow's own
    decoders. Grey becomes colour by repetition.

    Args:
        image: Tensor of shape [height, width, c]; c is 1 (grey), 2 (grey and alpha), 3 or 4.
        channels: 1 or 3. With 1 the first channel is taken, so the image should be grey.

    Returns:
        Tensor of shape [height, width, channels] and the same dtype.
    """
    if channels == 1:
        return image[..., :1]
    # Not a gather, which would take as long as decoding a small image.
    colour = tf.cond(tf.shape(image)[-1] >= 3, lambda: image[..., :3], lambda: tf.repeat(image[..., :1], 3, axis=-1))
    return tf.ensure_shape(colour, [*image.shape[:-1], 3])


def decode_to_shape(
    encoded: tf.Tensor,
    image_shape: tuple[int, int, int],
    resize: bool,
    resize_side: int | None = None,
    orientation: tf.Tensor | None = None,
) -> tf.Tensor:
    """Decodes, converts the channels and, if requested, resizes.

    Args:
        encoded: String tensor of shape [], the file's content.
        image_shape: (height, width, channels) of the result.
        resize: Whether to resize; otherwise the image must have this height and width.
        resize_side: Resizes by the shorter side and cuts out the middle; see `fit_images`.
        orientation: EXIF orientation; see `decode_image`.

    Returns:
        uint8 tensor of shape `image_shape`.

    Raises:
        tf.errors.InvalidArgumentError: It is damaged, not an image, or has another size.
    """
    image = convert_channels(decode_image(encoded, orientation), image_shape[2])
    if resize:
        image = fit_images(image, image_shape[:2], resize_side)
    return tf.ensure_shape(image, image_shape)
