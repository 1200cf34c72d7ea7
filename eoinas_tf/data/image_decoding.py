"""Encoded images to pixels of one size and one number of channels."""

import tensorflow as tf


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a PNG, JPEG, BMP or GIF image as it is; of an animated GIF the first frame.

    Args:
        encoded: String tensor of shape [], the file's content.

    Returns:
        uint8 tensor of shape [height, width, channels].

    Raises:
        tf.errors.InvalidArgumentError: It is not an image, or a damaged one.
    """
    image = tf.io.decode_image(encoded, channels=0, expand_animations=False)
    image.set_shape([None, None, None])
    return image


def convert_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Makes an image grey or colour.

    Alpha is dropped, not composited: the colours under transparent pixels come to light, as
    with TensorFlow's own decoders. Grey becomes colour by repetition.

    Args:
        image: Tensor of shape [height, width, c]; c is 1 (grey), 2 (grey and alpha), 3 or 4.
        channels: 1 or 3. With 1 the first channel is taken, so the image should be grey.

    Returns:
        Tensor of shape [height, width, channels] and the same dtype.
    """
    if channels == 1:
        return image[..., :1]
    is_colour = tf.shape(image)[-1] >= 3
    return tf.gather(image, tf.where(is_colour, [0, 1, 2], [0, 0, 0]), axis=-1)


def resize_images(images: tf.Tensor, image_size: tuple[int, int]) -> tf.Tensor:
    """Resizes with antialiased bilinear interpolation.

    Args:
        images: uint8 tensor of shape [height, width, c] or [b, height, width, c].
        image_size: (height, width) in pixels to resize to.

    Returns:
        uint8 tensor, rounded to the nearest, with the new height and width.
    """
    resized = tf.image.resize(images, image_size, method="bilinear", antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def decode_to_shape(encoded: tf.Tensor, image_shape: tuple[int, int, int], resize: bool) -> tf.Tensor:
    """Decodes, converts the channels and, where asked to, resizes.

    Args:
        encoded: String tensor of shape [], the file's content.
        image_shape: (height, width, channels) of the result.
        resize: Whether to resize; otherwise the image must have this height and width.

    Returns:
        uint8 tensor of shape `image_shape`.

    Raises:
        tf.errors.InvalidArgumentError: It is not an image, a damaged one, or one of another size.
    """
    image = convert_channels(decode_image(encoded), image_shape[2])
    if resize:
        image = resize_images(image, image_shape[:2])
    return tf.ensure_shape(image, image_shape)
