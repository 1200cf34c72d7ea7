import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from eoinas_tf.data import image_decoding
from eoinas_tf.data.image_decoding import convert_channels, decode_image, decode_to_shape, fit_images, resize_images

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


def test_shrinking_averages_as_a_triangle_filter_does():
    # Halving with antialiasing weighs four neighbours 1, 3, 3, 1; what lies outside has no weight.
    row = np.array([0, 0, 80, 160, 240, 255, 255, 255], np.uint8)
    expected = [
        (3 * 0 + 3 * 0 + 80) / 7,
        (0 + 3 * 80 + 3 * 160 + 240) / 8,
        (160 + 3 * 240 + 3 * 255 + 255) / 8,
        (255 + 3 * 255 + 3 * 255) / 7,
    ]
    image = np.tile(row[np.newaxis, :, np.newaxis], [8, 1, 1])
    resized = resize_images(image, (4, 4))
    assert resized.dtype == tf.uint8
    np.testing.assert_array_equal(resized[1, :, 0], np.round(expected))


def test_own_size_changes_nothing_and_batches_are_resized_alike():
    images = RANDOM.integers(0, 256, [2, 6, 5, 3], np.uint8)
    np.testing.assert_array_equal(resize_images(images, (6, 5)), images)
    np.testing.assert_array_equal(resize_images(images, (3, 9))[1], resize_images(images[1], (3, 9)))


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


def test_resizing_keeps_black_white_and_the_order_of_height_and_width():
    for value in (0, 255):
        resized = resize_images(np.full([5, 7, 1], value, np.uint8), (11, 3)).numpy()
        assert resized.shape == (11, 3, 1)
        assert np.all(resized == value)


@pytest.mark.parametrize("content", [b"", b"no image", tf.io.encode_png(np.zeros([9, 9, 3], np.uint8)).numpy()[:-9]])
def test_what_is_no_image_is_an_argument_error(content):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(tf.constant(content))


@pytest.mark.parametrize(("height", "width", "top", "left"), [(8, 13, 2, 4), (13, 8, 4, 2), (8, 8, 2, 2), (9, 8, 2, 2)])
def test_the_middle_of_an_image_whose_shorter_side_fits(height, width, top, left):
    # Nothing is resized, so that the pixels are the image's own. Margins of 9 and 5 are halved to the even side.
    image = RANDOM.integers(0, 256, [height, width, 3], np.uint8)
    middle = fit_images(image, (4, 4), 8)
    np.testing.assert_array_equal(middle, image[top : top + 4, left : left + 4])
    np.testing.assert_array_equal(fit_images(image[None], (4, 4), 8)[0], middle)


@pytest.mark.parametrize(("size", "resized_size"), [((20, 33), (10, 16)), ((45, 20), (22, 10)), ((7, 5), (14, 10))])
def test_the_shorter_side_is_resized_and_the_middle_cut_out_as_by_pillow(size, resized_size):
    image = RANDOM.integers(0, 256, [*size, 3], np.uint8)
    resized = Image.fromarray(image).resize(resized_size[::-1], Image.Resampling.BILINEAR)
    top, left = (int(np.round((side - 8) / 2)) for side in resized_size)
    expected = np.asarray(resized)[top : top + 8, left : left + 8]
    np.testing.assert_allclose(fit_images(image, (8, 8), 10).numpy().astype(int), expected, atol=1)


def test_decode_to_shape_with_the_middle_cut_out():
    image = RANDOM.integers(0, 256, [6, 9, 3], np.uint8)
    encoded = tf.data.Dataset.from_tensors(tf.io.encode_png(image))
    middles = encoded.map(lambda source: decode_to_shape(source, (4, 5, 3), resize=True, resize_side=6))
    assert middles.element_spec == tf.TensorSpec([4, 5, 3], tf.uint8)
    np.testing.assert_array_equal(next(iter(middles)), image[1:5, 2:7])


def test_images_of_many_sizes_are_not_compiled_one_by_one(monkeypatch):
    compiled_shapes = []
    plain = image_decoding._turn_and_round
    monkeypatch.setattr(
        image_decoding, "_turn_and_round_compiled", lambda images: compiled_shapes.append(images.shape) or plain(images)
    )
    for height in (9, 11, 13):
        image = np.zeros([height, 8, 3], np.uint8)
        fit_images(image, (4, 4), resize_side=6)
        resize_images(image, (4, 5))
    assert set(map(tuple, compiled_shapes)) == {(1, 5, 4, 3)}
