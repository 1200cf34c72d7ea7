"""Decodes and resizes many small images at once.

One by one, TensorFlow takes several times as long to call its operations as the operations take.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from eoinas_tf.data.image_decoding import decode_jpeg_or_png
from eoinas_tf.data.image_headers import JPEG_START, declared_pixels, is_jpeg_or_png

# Tracing a graph for so many takes a quarter of a second.
SMALL_IMAGES = 256
MOST_SMALL_PIXELS = 192 * 192


def decode_small_images(encoded: Sequence[bytes]) -> list[tf.Tensor] | None:
    """Decodes JPEG and PNG images as they are stored, like `decode_jpeg_or_png`, in a single call.

    Args:
        encoded: The files' contents.

    Returns:
        A uint8 tensor of shape [height, width, channels] for each. None if they have to be decoded one by one: if they
        are not `SMALL_IMAGES`, or one is in another format, damaged, or has more than `MOST_SMALL_PIXELS` pixels.
    """
    if len(encoded) != SMALL_IMAGES or not all(map(is_jpeg_or_png, encoded)):
        return None
    try:
        with tf.device("CPU:0"):
            contents = tf.constant(encoded)
            if all(content.startswith(JPEG_START) for content in encoded):
                pixels = _jpeg_pixels(contents).numpy().max()
            else:
                pixels = max(map(declared_pixels, encoded))
            return _decode_all(contents) if pixels <= MOST_SMALL_PIXELS else None
    except (tf.errors.OpError, MemoryError):
        return None


def fit_small_images(images: Sequence[np.ndarray], fit: Callable[[tf.Tensor], tf.Tensor]) -> np.ndarray | None:
    """Resizes images in a single call.

    Args:
        images: Upright images, each uint8 [height, width, 1 or 3].
        fit: The function of `image_fitter`.

    Returns:
        uint8 [n, height, width, channels]. None if they have to be resized one by one: if their shapes differ, or the
        memory does not suffice for all of them.
    """
    if len({image.shape for image in images}) != 1:
        return None
    try:
        with tf.device("CPU:0"):
            return fit(np.stack(images)).numpy()
    except (tf.errors.OpError, MemoryError):
        return None


_CONTENTS = [tf.TensorSpec([SMALL_IMAGES], tf.string)]


# Written out image by image, not as a loop, so that threads share them out.
@tf.function(input_signature=_CONTENTS, autograph=False)
def _decode_all(contents: tf.Tensor) -> list[tf.Tensor]:
    return [decode_jpeg_or_png(content) for content in tf.unstack(contents)]


@tf.function(input_signature=_CONTENTS, autograph=False)
def _jpeg_pixels(contents: tf.Tensor) -> tf.Tensor:
    """Returns the number of pixels of each JPEG image, int64 [n]."""
    shapes = tf.stack([tf.image.extract_jpeg_shape(content) for content in tf.unstack(contents)])
    return tf.cast(shapes[:, 0], tf.int64) * tf.cast(shapes[:, 1], tf.int64)
