"""An encoded image's header: its format, and its number of pixels.

A few bytes can declare an image that takes gigabytes to decode, so headers are read before any decoder is called.
"""

# 10,000x10,000: 300 MB in colour, and as much again while it is converted.
MOST_PIXELS = 100_000_000
JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"


class UnreadableImageError(ValueError):
    """An image is damaged, too large or of an unsupported kind; the message says why, without the file's name."""


def is_jpeg_or_png(encoded: bytes) -> bool:
    """Tells whether it is in one of the two formats that TensorFlow decodes; Pillow decodes all others.

    Args:
        encoded: The file's content, which decides; the file's name does not matter.
    """
    return encoded.startswith((JPEG_START, PNG_START))


def check_pixels(pixels: int) -> None:
    """Refuses an image that declares too many pixels.

    Args:
        pixels: Height times width.

    Raises:
        UnreadableImageError: There are more than `MOST_PIXELS`.
    """
    if pixels > MOST_PIXELS:
        raise UnreadableImageError(f"it declares {pixels} pixels, at most {MOST_PIXELS} are taken")


def declared_pixels(encoded: bytes) -> int:
    """Returns how many pixels a JPEG, PNG or WebP decoder will allocate.

    For every other format that is read, Pillow gives the size without allocating anything.

    Args:
        encoded: The file's content.

    Returns:
        Height times width, for an animation those of its canvas; 0 if it is none of the three formats.

    Raises:
        tf.errors.InvalidArgumentError: A JPEG's header is damaged.
        UnreadableImageError: A WebP's header is damaged.
    """
    if encoded.startswith(PNG_START):
        return int.from_bytes(encoded[16:20], "big") * int.from_bytes(encoded[20:24], "big")
    if encoded.startswith(JPEG_START):
        import tensorflow as tf  # Here, so that the sizes of other files can be read without it.

        height, width, _ = tf.image.extract_jpeg_shape(encoded).numpy().tolist()
        return height * width
    if encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP":
        return _webp_pixels(encoded)
    return 0


def _webp_pixels(encoded: bytes) -> int:
    """Reads a WebP's first chunk, which has one of three kinds (RFC 9649, sections 2.5 to 2.7)."""
    kind, start = encoded[12:16], encoded[20:30]
    number = lambda first, end: int.from_bytes(start[first:end], "little")  # noqa: E731
    if len(start) == 10 and kind == b"VP8X":  # Flags, 3 unused bytes, width - 1, height - 1.
        return (number(4, 7) + 1) * (number(7, 10) + 1)
    if len(start) == 10 and kind == b"VP8 " and start[3:6] == b"\x9d\x01\x2a":  # 14 bits each, 2 bits of scaling.
        return (number(6, 8) & 0x3FFF) * (number(8, 10) & 0x3FFF)
    if len(start) >= 5 and kind == b"VP8L" and start[0] == 0x2F:  # 14 bits each, one less than the side.
        return ((number(1, 5) & 0x3FFF) + 1) * ((number(1, 5) >> 14 & 0x3FFF) + 1)
    raise UnreadableImageError("its WebP header is damaged")
