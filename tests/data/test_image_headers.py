import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from eoinas_tf.data.image_headers import declared_pixels, has_colour_palette

RGB = Image.fromarray(np.random.default_rng(0).integers(0, 256, [5, 7, 3], np.uint8))
SHADES = RGB.convert("L")
PALETTE = RGB.quantize(16)


def encoded(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("image", [RGB, SHADES, PALETTE], ids=["colour", "grey", "palette"])
@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP"])
def test_pixels_that_a_file_declares(image, kind):
    assert declared_pixels(encoded(image, kind)) == 35


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": b"Exif\0\0" + b"x" * 3000}])
def test_pixels_that_a_jpeg_declares(options):
    assert declared_pixels(encoded(RGB, "JPEG", **options)) == 35


def test_all_frames_of_an_animation_count():
    frames = [Image.fromarray(np.full([5, 7], 60 * number, np.uint8)).convert("RGB") for number in range(1, 5)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"two pieces" * 40, loop=0)
    assert Image.open(io.BytesIO(content)).n_frames == 4
    assert declared_pixels(content) == 4 * 35
    # As far as the file goes.
    cut = [declared_pixels(content[:end]) for end in range(len(content))]
    assert cut == sorted(cut)
    assert set(cut) == {0, 35, 70, 105, 140}


def test_a_bmp_file_may_be_written_from_the_top_down():
    content = bytearray(encoded(RGB, "BMP"))
    content[22:26] = (-5).to_bytes(4, "little", signed=True)
    assert declared_pixels(bytes(content)) == 35


@pytest.mark.parametrize(
    "content", [b"", b"B", b"no image", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"BM", b"GIF89a" + b"\xff" * 9]
)
def test_what_declares_nothing_has_no_pixels(content):
    assert declared_pixels(content) == 0


def test_a_damaged_jpeg_header_is_an_argument_error():
    with pytest.raises(tf.errors.InvalidArgumentError):
        declared_pixels(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("image", "expected"), [(RGB, False), (SHADES, False), (PALETTE, True), (RGB.convert("1"), True)]
)
def test_bmp_files_whose_bytes_are_numbers_of_colours(image, expected):
    assert has_colour_palette(encoded(image, "BMP")) == expected
    assert not has_colour_palette(encoded(image, "PNG"))
