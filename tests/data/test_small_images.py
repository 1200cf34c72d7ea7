import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data import small_images
from eoinas_tf.data.image_resizing import image_fitter
from eoinas_tf.data.small_images import SMALL_IMAGES, decode_small_images, fit_small_images

PIXELS = np.random.default_rng(5).integers(0, 256, [12, 20, 4], np.uint8)
JPEGS = [tf.io.encode_jpeg(PIXELS[:, :width, :channels]).numpy() for width in (20, 7) for channels in (1, 3)]
PNGS = [tf.io.encode_png(PIXELS[..., :channels]).numpy() for channels in (1, 2, 3, 4)]
LARGE = np.zeros([193, 192, 1], np.uint8)


@pytest.mark.parametrize("contents", [JPEGS, [*JPEGS, *PNGS]], ids=["JPEG", "mixed"])
def test_the_images_are_those_decoded_one_by_one(contents):
    encoded = contents * (SMALL_IMAGES // len(contents))
    images = decode_small_images(encoded)
    assert len(images) == SMALL_IMAGES
    for content, image in zip(encoded, images, strict=True):
        alone = tf.io.decode_image(content, expand_animations=False).numpy()
        np.testing.assert_array_equal(image.numpy(), alone, strict=True)


@pytest.mark.parametrize(
    "contents",
    [
        [],
        JPEGS[:-1],
        [*JPEGS, JPEGS[0]],
        [*JPEGS[1:], b""],
        [*JPEGS[1:], b"GIF89a" + b"\0" * 9],
        [*JPEGS[1:], JPEGS[0][:40]],
        [*JPEGS[1:], JPEGS[0][:-20]],
        [*JPEGS[1:], PNGS[0][:-20]],
    ],
    ids=["none", "fewer", "more", "empty", "format", "header", "cut JPEG", "cut PNG"],
)
def test_others_are_left_to_be_decoded_one_by_one(contents):
    rest = JPEGS * (SMALL_IMAGES // len(JPEGS) - 1)
    assert decode_small_images([*rest, *contents]) is None


@pytest.mark.parametrize("encode", [tf.io.encode_jpeg, tf.io.encode_png])
def test_a_large_image_takes_no_memory(monkeypatch, encode):
    decoded = []
    decode_all = small_images._decode_all
    monkeypatch.setattr(small_images, "_decode_all", lambda contents: decoded.append(1) or decode_all(contents))
    rest = JPEGS * (SMALL_IMAGES // len(JPEGS))
    assert decode_small_images([*rest[1:], encode(LARGE[:192]).numpy()]) is not None
    assert decode_small_images([*rest[1:], encode(LARGE).numpy()]) is None
    assert len(decoded) == 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("image_size", "resize_side"), [((5, 9), None), ((6, 6), 8)])
def test_images_resized_together_are_those_resized_one_by_one(channels, image_size, resize_side):
    images = [np.roll(PIXELS[..., :channels], number, axis=0) for number in range(5)]
    fit = image_fitter(image_size, resize_side)
    fitted = fit_small_images(images, fit)
    np.testing.assert_array_equal(fitted, [fit(image) for image in images], strict=True)
    assert fitted.shape == (5, *image_size, channels)


def test_images_of_other_shapes_or_too_large_together_are_left_to_be_resized_one_by_one():
    def exhaust(images):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    assert fit_small_images([PIXELS[..., :1], PIXELS[:-1, :, :1]], image_fitter((4, 4))) is None
    assert fit_small_images([PIXELS[..., :1], PIXELS[..., :3]], image_fitter((4, 4))) is None
    assert fit_small_images([PIXELS[..., :1]] * 2, exhaust) is None
