import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image, ImageOps

from eoinas_tf.data.image_orientation import exif_orientation, turn_upright

STORED = np.random.default_rng(0).integers(0, 256, [4, 6, 3], np.uint8)
# EXIF 2.32, tag 0x0112: the sides of the photograph at which the first stored row and column are.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def side_of(image, side, begins_at):
    """A side's pixels, read from the end at which the other side is."""
    pixels = {"top": image[0], "bottom": image[-1], "left": image[:, 0], "right": image[:, -1]}[side]
    return pixels[::-1] if begins_at in ("bottom", "right") else pixels


def with_orientation(orientation, kind="JPEG", pixels=STORED, **options):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, exif=exif, **options)
    return content.getvalue()


@pytest.mark.parametrize("orientation", SIDES)
@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
def test_rows_and_columns_come_to_the_sides_that_exif_names(orientation, in_graph):
    turn = tf.function(turn_upright) if in_graph else turn_upright
    upright = turn(tf.constant(STORED), tf.constant(orientation) if in_graph else orientation).numpy()
    row_side, column_side = SIDES[orientation]
    assert upright.shape == ((6, 4, 3) if orientation >= 5 else (4, 6, 3))
    np.testing.assert_array_equal(side_of(upright, row_side, column_side), STORED[0])
    np.testing.assert_array_equal(side_of(upright, column_side, row_side), STORED[:, 0])


@pytest.mark.parametrize("orientation", SIDES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_orientation_is_read_and_turns_as_pillow_does(orientation, kind):
    encoded = with_orientation(orientation, kind)
    assert exif_orientation(encoded) == orientation
    stored = tf.io.decode_image(encoded, expand_animations=False)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
    np.testing.assert_allclose(turn_upright(stored, orientation).numpy().astype(int), np.asarray(upright), atol=4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_turns_nothing(kind, orientation):
    assert exif_orientation(with_orientation(orientation, kind)) == 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_files_that_state_nothing_are_not_opened(kind, monkeypatch):
    content = io.BytesIO()
    Image.fromarray(STORED).save(content, kind)
    monkeypatch.setattr(Image, "open", None)
    assert exif_orientation(content.getvalue()) == 1


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0" + b"x" * 40, b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_damaged_metadata_turns_nothing(exif):
    content = io.BytesIO()
    Image.fromarray(STORED).save(content, "JPEG", exif=exif)
    assert exif_orientation(content.getvalue()) == 1


def test_metadata_after_a_png_s_pixels_counts():
    encoded = with_orientation(6, "PNG")
    start = encoded.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(encoded[start : start + 4], "big")
    moved = encoded[:start] + encoded[end:-12] + encoded[start:end] + encoded[-12:]
    assert exif_orientation(moved) == 6


def test_mutated_metadata_is_an_orientation_all_the_same():
    generator = np.random.default_rng(0)
    for kind in ("JPEG", "PNG"):
        encoded = with_orientation(6, kind)
        for _ in range(300):
            content = bytearray(encoded)
            for place in generator.integers(0, len(content), generator.integers(1, 6)):
                content[place] = generator.integers(256)
            assert exif_orientation(bytes(content)) in SIDES
