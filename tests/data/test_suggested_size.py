import io

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from eoinas_tf.data import suggested_size
from eoinas_tf.data.decoded_files import decode_one_file
from eoinas_tf.data.suggested_size import header_shapes, size_advice


def encoded(height, width, mode="RGB", kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((height, width), np.uint8)).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def test_shapes_are_those_of_the_headers(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(5, 7, "RGB", "JPEG"))
    assert header_shapes([tmp_path / "a.jpg", encoded(3, 4, "L"), encoded(6, 2, "P", "GIF")]) == [
        (5, 7, 3),
        (3, 4, 1),
        (6, 2, 3),
    ]
    # A GIF counts as colour, as where it is decoded.
    assert header_shapes([encoded(6, 2, "L", "GIF")]) == [(6, 2, 3)]


def test_what_is_no_image_is_passed_over(tmp_path):
    assert header_shapes([b"text", b"", tmp_path / "nothing", encoded(4, 4)[:20], encoded(9, 9)]) == [(9, 9, 3)]


def test_few_headers_are_read(monkeypatch):
    monkeypatch.setattr(suggested_size, "MOST_HEADERS", 3)
    assert [shape[0] for shape in header_shapes([encoded(side, 9) for side in range(1, 9)])] == [1, 4, 7]


@pytest.mark.parametrize(
    ("shapes", "size"),
    [
        ([(30, 40), (40, 30), (100, 50)], 24),
        ([(64, 64, 3)] * 3, 64),
        ([(375, 500), (500, 375), (333, 500)], 224),
        ([(5, 4)], 8),
    ],
)
def test_the_median_shorter_side_is_proposed_in_multiples_of_8(shapes, size):
    assert f"such as --image_size={size},{size} (" in size_advice(shapes)


def test_without_headers_the_flag_alone_is_named():
    assert size_advice([]) == "give --image_size=H,W to resize them"


@pytest.mark.parametrize(("orientation", "shape"), [(1, (8, 12, 3)), (3, (8, 12, 3)), (6, (12, 8, 3)), (5, (12, 8, 3))])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_photographs_on_their_side_are_turned(tmp_path, orientation, shape, suffix):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.new("RGB", (12, 8)).save(tmp_path / f"a.{suffix}", exif=exif)
    assert header_shapes([tmp_path / f"a.{suffix}"]) == [shape]
    assert decode_one_file(tmp_path / f"a.{suffix}", None, None).shape == shape


def test_pixels_of_png_files_are_not_decoded(tmp_path, monkeypatch):
    Image.new("RGB", (12, 8)).save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (12, 8)).save(tmp_path / "b.png", exif=exif)

    def load(image):
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    assert header_shapes([tmp_path / "a.png", tmp_path / "b.png"]) == [(8, 12, 3), (12, 8, 3)]
