import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from eoinas_tf.data import image_headers
from eoinas_tf.data.image_headers import UnreadableImageError, check_pixels, declared_pixels, is_jpeg_or_png

RGB = Image.fromarray(np.random.default_rng(0).integers(0, 256, [5, 7, 3], np.uint8))


def encoded(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_pixels_that_a_png_declares(mode):
    assert declared_pixels(encoded(RGB.convert(mode), "PNG")) == 35


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": b"Exif\0\0" + b"x" * 3000}])
def test_pixels_that_a_jpeg_declares(options):
    assert declared_pixels(encoded(RGB, "JPEG", **options)) == 35


@pytest.mark.parametrize(
    ("kind", "image", "options"),
    [
        (b"VP8 ", RGB, {}),
        (b"VP8L", RGB, {"lossless": True}),
        (b"VP8X", RGB, {"exif": b"Exif\0\0II*\0"}),
        (b"VP8X", RGB, {"save_all": True, "append_images": [RGB.rotate(180)]}),
    ],
    ids=["lossy", "lossless", "with metadata", "animated"],
)
def test_pixels_that_a_webp_declares(kind, image, options):
    content = encoded(image, "WEBP", **options)
    assert content[12:16] == kind
    assert declared_pixels(content) == 35


def webp(kind, start):
    return b"RIFF" + struct.pack("<I", 12 + len(start)) + b"WEBP" + kind + struct.pack("<I", len(start)) + start


def test_the_largest_sides_that_a_webp_can_declare():
    lossless = struct.pack("<BI", 0x2F, 0x3FFF << 14 | 0x3FFF)
    assert declared_pixels(webp(b"VP8L", lossless)) == 2**28
    # The upper two bits of each side request scaling, which nobody uses.
    assert declared_pixels(webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + b"\xff" * 4)) == (2**14 - 1) ** 2
    assert declared_pixels(webp(b"VP8X", b"\0" * 4 + b"\xff" * 6)) == 2**48


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF\0\0\0\0WEBP",
        webp(b"VP8 ", b"\0" * 10),
        webp(b"VP8L", b"\0" * 9),
        webp(b"VP8X", b""),
        webp(b"abcd", b"x" * 99),
    ],
)
def test_a_damaged_webp_header_is_unreadable(content):
    with pytest.raises(UnreadableImageError, match="WebP header"):
        declared_pixels(content)


@pytest.mark.parametrize(
    "content", [b"", b"B", b"no image", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF\0\0\0\0WAVE"]
)
def test_what_declares_nothing_has_no_pixels(content):
    assert declared_pixels(content) == 0


def test_a_damaged_jpeg_header_is_an_argument_error():
    with pytest.raises(tf.errors.InvalidArgumentError):
        declared_pixels(b"\xff\xd8\xff")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "MPO", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_tensorflow_decodes_jpeg_and_png_alone(kind):
    assert is_jpeg_or_png(encoded(RGB, kind)) == (kind in ("PNG", "JPEG", "MPO"))


def test_as_many_pixels_as_are_taken_and_one_more(monkeypatch):
    check_pixels(image_headers.MOST_PIXELS)
    with pytest.raises(UnreadableImageError, match="declares 100000001 pixels, at most 100000000 are taken"):
        check_pixels(image_headers.MOST_PIXELS + 1)
