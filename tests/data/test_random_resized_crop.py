import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import stats

from eoinas_tf.data.image_orientation import turn_upright
from eoinas_tf.data.image_resizing import resize_images
from eoinas_tf.data.random_resized_crop import ATTEMPTS, crop_image, crop_window, decode_crop, draw_crops
from eoinas_tf.random_seeds import stateless_seed

SEED = stateless_seed(0, "crop", 3)


def draws_of(*attempts):
    """Random values in which the last given attempt is repeated; areas are fractions of the image's."""
    rows = [((area - 0.08) / 0.92, *rest) for area, *rest in attempts]
    return np.array(rows + rows[-1:] * (ATTEMPTS - len(rows)), np.float32)


def window(height, width, *attempts):
    return crop_window(height, width, draws_of(*attempts)).numpy().tolist()


def smooth_image(height, width, channels=3):
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / (3 + channel)) + np.cos(columns / (5 - channel)) for channel in range(channels)]
    return np.round(127 + 60 * np.stack(waves, axis=-1)).astype(np.uint8)


def test_a_window_by_hand():
    # A quarter of 100 x 200 pixels as a square: sides of sqrt(5000) = 70.7; 30 first rows and 130 first columns.
    assert window(100, 200, (0.25, 0.5, 0.5, 0.25)) == [15, 32, 71, 71]
    # 4/3 as wide as high: sqrt(5000 * 4/3) = 81.6 and sqrt(5000 * 3/4) = 61.2.
    assert window(100, 200, (0.25, 1.0, 0.0, 0.0)) == [0, 0, 61, 82]
    assert window(100, 200, (0.25, 0.0, 0.999999, 0.999999)) == [18, 139, 82, 61]


def test_the_first_attempt_that_fits_counts():
    # Half of 100 x 400 pixels as a square is 141 pixels high; a quarter fits.
    assert window(100, 400, (0.5, 0.5, 0.0, 0.0), (0.25, 0.5, 0.0, 0.5), (0.09, 0.5, 0.0, 0.0)) == [0, 150, 100, 100]


def test_where_no_attempt_fits_it_is_the_middle():
    assert window(10, 100, (1.0, 0.5, 0.0, 0.0)) == [0, 43, 10, 13]
    assert window(100, 10, (1.0, 0.5, 0.0, 0.0)) == [43, 0, 13, 10]
    assert window(10, 10, (1.0, 1.0, 0.0, 0.0)) == [0, 0, 10, 10]


def test_areas_shapes_and_places_are_uniform():
    side, count = 1000, 4000
    windows = tf.function(
        lambda draws: tf.map_fn(lambda attempts: crop_window(side, side, attempts), draws, fn_output_signature=tf.int32)
    )(draw_crops(count, SEED)).numpy()
    rows, columns, heights, widths = windows.T.astype(float)
    assert windows.min() >= 0
    assert np.all(rows + heights <= side)
    assert np.all(columns + widths <= side)
    areas, shapes = heights * widths / side**2, np.log(widths / heights) / np.log(4 / 3)
    assert areas.min() > 0.079
    assert areas.max() > 0.95
    # Up to 70 % of the area every shape fits into a square, so nothing is drawn again.
    small = areas < 0.7
    assert small.sum() > 2000
    samples = {
        "area": (areas[small] - 0.08) / 0.62,
        "shape": (shapes[small] + 1) / 2,
        "row": rows[small] / (side - heights[small]),
        "column": columns[small] / (side - widths[small]),
    }
    for name, sample in samples.items():
        assert stats.kstest(sample, "uniform").pvalue > 0.001, name
        assert abs(sample.mean() - 0.5) < 5 / np.sqrt(12 * len(sample)), name


def test_draws_are_of_the_seed_alone_and_differ_between_images_and_attempts():
    draws = draw_crops(3, SEED).numpy()
    np.testing.assert_array_equal(draws, draw_crops(3, SEED))
    assert len(np.unique(draws)) == draws.size
    assert not np.array_equal(draws, draw_crops(3, stateless_seed(0, "crop", 4)))


@pytest.mark.parametrize("channels", [1, 3])
def test_of_a_jpeg_only_the_window_is_decoded_and_gives_the_same_pixels(channels):
    encoded = tf.io.encode_jpeg(smooth_image(61, 83, channels), quality=80)
    pixels = tf.io.decode_jpeg(encoded).numpy()
    for draws in draw_crops(8, SEED).numpy():
        row, column, height, width = crop_window(61, 83, draws).numpy()
        cut = pixels[row : row + height, column : column + width]
        expected = np.repeat(resize_images(cut, (16, 20)), 3 // channels, axis=-1)
        difference = np.abs(decode_crop(encoded, draws, (16, 20, 3)).numpy().astype(int) - expected)
        # Colours are stored at half the size; at the window's sides they have one neighbour less.
        assert difference[:, 1:-1].max() <= 1
        assert difference.max() <= (0 if channels == 1 else 8)


@pytest.mark.parametrize("encode", [tf.io.encode_png, tf.io.encode_jpeg], ids=["png", "jpeg"])
def test_a_crop_in_a_pipeline_has_its_shape_and_is_that_of_the_decoded_image(encode):
    encoded = encode(smooth_image(30, 25))
    draws = draw_crops(1, SEED)[0]
    crops = tf.data.Dataset.from_tensors(encoded).map(lambda source: decode_crop(source, draws, (8, 6, 3)))
    assert crops.element_spec == tf.TensorSpec([8, 6, 3], tf.uint8)
    expected = crop_image(tf.io.decode_image(encoded), draws, (8, 6)).numpy().astype(int)
    np.testing.assert_allclose(next(iter(crops)).numpy().astype(int), expected, atol=4)


def test_a_crop_is_the_windows_pixels_resized_as_by_pillow():
    image = smooth_image(64, 48)
    for draws in draw_crops(5, SEED).numpy():
        row, column, height, width = crop_window(64, 48, draws).numpy()
        cut = Image.fromarray(image[row : row + height, column : column + width])
        expected = np.asarray(cut.resize((20, 16), Image.Resampling.BILINEAR)).astype(int)
        np.testing.assert_allclose(crop_image(image, draws, (16, 20)).numpy().astype(int), expected, atol=1)


def test_what_is_no_image_is_an_error():
    encoded = tf.io.encode_jpeg(smooth_image(30, 25)).numpy()
    for damaged in (b"", b"text", encoded[:40]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode_crop(tf.constant(damaged), draw_crops(1, SEED)[0], (8, 6, 3))


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("encode", [tf.io.encode_png, tf.io.encode_jpeg], ids=["png", "jpeg"])
def test_a_window_is_chosen_in_the_turned_image(encode, orientation):
    encoded = encode(smooth_image(30, 25))
    upright = turn_upright(tf.io.decode_image(encoded), orientation)
    for draws in draw_crops(3, SEED):
        crop = decode_crop(encoded, draws, (8, 6, 3), orientation=tf.constant(orientation)).numpy().astype(int)
        np.testing.assert_allclose(crop, crop_image(upright, draws, (8, 6)).numpy().astype(int), atol=8)
