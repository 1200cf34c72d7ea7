import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from eoinas_tf.data.image_decoding import convert_channels, decode_image, decode_to_shape
from eoinas_tf.data.image_resizing import resize_images

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_is_decoded_as_it_is(channels):
    image = RANDOM.integers(0, 256, [5, 3, channels], np.uint8)
    np.testing.assert_array_equal(decode_image(tf.io.encode_png(image)), image)


def test_alpha_is_dropped_and_grey_is_repeated():
    image = RANDOM.integers(0, 256, [2, 3, 4], np.uint8)
    np.testing.assert_array_equal(convert_channels(image, 3), image[..., :3])
    np.testing.assert_array_equal(convert_channels(image[..., :3], 3), image[..., :3])
    np.testing.assert_array_equal(convert_channels(image[..., :2], 1), image[..., :1])
    np.testing.assert_array_equal(convert_channels(image[..., :2], 3), image[..., [0, 0, 0]])


def test_decode_to_shape_in_a_pipeline():
    image = RANDOM.integers(0, 256, [6, 4, 2], np.uint8)
    encoded = tf.data.Dataset.from_tensors(tf.io.encode_png(image))
    resized = encoded.map(lambda source: decode_to_shape(source, (3, 2, 3), resize=True))
    assert resized.element_spec == tf.TensorSpec([3, 2, 3], tf.uint8)
    np.testing.assert_array_equal(next(iter(resized)), resize_images(image[..., [0, 0, 0]], (3, 2)))
    with pytest.raises(tf.errors.InvalidArgumentError):
        next(iter(encoded.map(lambda source: decode_to_shape(source, (3, 2, 3), resize=False))))


@pytest.mark.parametrize("encode", [tf.io.encode_png, tf.io.encode_jpeg], ids=["png", "jpeg"])
@pytest.mark.parametrize(("channels", "wanted"), [(1, 1), (1, 3), (3, 3)])
def test_decode_to_shape_from_any_channels(encode, channels, wanted):
    image = np.full([6, 4, channels], 100, np.uint8)
    decoded = decode_to_shape(encode(image), (6, 4, wanted), resize=False)
    np.testing.assert_array_equal(decoded, np.full([6, 4, wanted], 100))


def test_channels_are_converted_in_a_graph_where_they_are_not_known():
    image = RANDOM.integers(0, 256, [2, 3, 4], np.uint8)
    unknown = tf.function(
        lambda pixels: convert_channels(pixels, 3), input_signature=[tf.TensorSpec([None] * 3, tf.uint8)]
    )
    for channels, expected in ((1, [0, 0, 0]), (2, [0, 0, 0]), (3, [0, 1, 2]), (4, [0, 1, 2])):
        np.testing.assert_array_equal(unknown(image[..., :channels]), image[..., expected])


@pytest.mark.parametrize("content", [b"", b"no image", tf.io.encode_png(np.zeros([9, 9, 3], np.uint8)).numpy()[:-9]])
def test_what_is_no_image_is_an_argument_error(content):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(tf.constant(content))


def test_decode_to_shape_with_the_middle_cut_out():
    image = RANDOM.integers(0, 256, [6, 9, 3], np.uint8)
    encoded = tf.data.Dataset.from_tensors(tf.io.encode_png(image))
    middles = encoded.map(lambda source: decode_to_shape(source, (4, 5, 3), resize=True, resize_side=6))
    assert middles.element_spec == tf.TensorSpec([4, 5, 3], tf.uint8)
    np.testing.assert_array_equal(next(iter(middles)), image[1:5, 2:7])


def by_pillow(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


COLOUR = Image.fromarray(np.random.default_rng(1).integers(0, 256, [19, 23, 3], np.uint8))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {"quality": 60}), ("JPEG", {"progressive": True, "subsampling": 0})],
    ids=["png", "jpeg", "progressive jpeg"],
)
def test_plain_jpeg_and_png_files_have_the_pixels_of_tensorflow_s_decoder(mode, kind, options):
    writes = {"PNG": ("1", "L", "LA", "P", "RGB", "RGBA"), "JPEG": ("L", "RGB", "CMYK", "YCbCr")}
    if mode not in writes[kind]:
        pytest.skip(f"no {kind} has {mode}")
    encoded = by_pillow(COLOUR.convert(mode), kind, **options)
    expected = tf.io.decode_image(encoded, expand_animations=False).numpy()
    np.testing.assert_array_equal(decode_image(tf.constant(encoded), tf.constant(1)), expected)
    np.testing.assert_array_equal(tf.function(decode_image)(tf.constant(encoded)), expected)


@pytest.mark.parametrize("size", [(8, 8), (800, 1000)])
def test_of_an_animated_webp_the_first_frame_is_taken_in_a_pipeline_too(size):
    # TensorFlow's own decoder crashes the process with the first size, and returns other pixels with the second.
    frames = [Image.fromarray(np.full([*size, 3], value, np.uint8)) for value in (40, 90, 140)]
    encoded = by_pillow(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    decoded = next(iter(tf.data.Dataset.from_tensors(encoded).map(decode_image)))
    np.testing.assert_array_equal(decoded, np.asarray(frames[0]))


@pytest.mark.parametrize("kind", ["BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_other_formats_are_decoded_in_a_pipeline(kind):
    image = COLOUR.quantize(16) if kind == "GIF" else COLOUR
    encoded = by_pillow(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    decoded = next(iter(tf.data.Dataset.from_tensors(encoded).map(decode_image)))
    np.testing.assert_array_equal(decoded, np.asarray(image.convert("RGB")))


def test_decode_to_shape_turns_before_it_resizes():
    image = RANDOM.integers(0, 256, [6, 9, 3], np.uint8)
    turned = decode_to_shape(tf.io.encode_png(image), (9, 6, 3), resize=False, orientation=tf.constant(6))
    np.testing.assert_array_equal(turned, np.rot90(image, -1))
