"""What an encoded image says of itself before its pixels: how many it has, and whether they are numbers of colours.

A few bytes can declare an image that takes gigabytes to decode, so that they are read before the decoder is called.
"""

import math
from collections.abc import Iterator

import tensorflow as tf


def declared_pixels(encoded: bytes) -> int:
    """Returns how many pixels a decoder will make room for.

    Args:
        encoded: The file's content.

    Returns:
        Height times width; of a GIF the sum over its frames, for all of them are decoded to get at the first one. 0
        where it is no image.

    Raises:
        tf.errors.InvalidArgumentError: A JPEG's header is damaged.
    """
    if encoded.startswith(b"\x89PNG"):
        return int.from_bytes(encoded[16:20], "big") * int.from_bytes(encoded[20:24], "big")
    if encoded.startswith(b"\xff\xd8\xff"):
        height, width, _ = tf.image.extract_jpeg_shape(encoded).numpy().tolist()
        return height * width
    if encoded.startswith(b"GIF8"):
        return sum(_gif_frames(encoded))
    if encoded.startswith(b"BM"):
        sides = (int.from_bytes(encoded[place : place + 4], "little", signed=True) for place in (18, 22))
        return abs(math.prod(sides))  # A negative height: the rows from the top down.
    return 0


def _gif_frames(encoded: bytes) -> Iterator[int]:
    """Yields the pixels that each frame declares, as far as the file goes."""
    position = 13 + _palette_bytes(encoded[10:11])
    while position < len(encoded):
        block, position = encoded[position], position + 1
        if block == 0x2C:  # A frame: left, top, width, height, flags; its palette; the bits of a code; its pixels.
            width, height = encoded[position + 4 : position + 6], encoded[position + 6 : position + 8]
            yield int.from_bytes(width, "little") * int.from_bytes(height, "little")
            position += 9 + _palette_bytes(encoded[position + 8 : position + 9]) + 1
        elif block == 0x21:  # An extension: its kind.
            position += 1
        else:
            return
        while position < len(encoded) and encoded[position]:  # Pieces of up to 255 bytes, until an empty one.
            position += 1 + encoded[position]
        position += 1


def _palette_bytes(flags: bytes) -> int:
    """Returns the length of the palette that a byte of flags announces."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def has_colour_palette(encoded: bytes) -> bool:
    """Tells whether it is a BMP file whose bytes are numbers of colours, which TensorFlow takes for shades of grey.

    A palette of the 256 shades in order, as programs write it for grey images, is none.

    Args:
        encoded: The file's content.
    """
    if encoded[:2] != b"BM" or len(encoded) < 54:
        return False
    header_size, bits_per_pixel = int.from_bytes(encoded[14:18], "little"), int.from_bytes(encoded[28:30], "little")
    if bits_per_pixel > 8 or header_size < 40:
        return False
    is_compressed = any(encoded[30:34])
    palette = encoded[14 + header_size : 14 + header_size + 4 * 256]
    shades = bytes(range(256))
    return bits_per_pixel < 8 or is_compressed or any(palette[channel::4] != shades for channel in range(3))
