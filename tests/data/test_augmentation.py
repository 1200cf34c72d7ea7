import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data import augmentation
from eoinas_tf.data.augmentation import channel_statistics, cutout, horizontal_flip, normalize, pad_crop
from eoinas_tf.data.image_split import ImageSplit
from eoinas_tf.random_seeds import stateless_seed

SEED = stateless_seed(0, "test", 4)
OTHER_PURPOSE = stateless_seed(0, "other", 4)
OTHER_STEP = stateless_seed(0, "test", 5)
CHANGES = {
    "pad_crop": lambda images, seed: pad_crop(images, 2, seed),
    "horizontal_flip": horizontal_flip,
    "cutout": lambda images, seed: cutout(images, 4, seed),
}


def random_images(*shape):
    return np.random.default_rng(1).integers(1, 256, shape, np.uint8)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_seed_gives_the_same_images_eagerly_and_in_a_pipeline(change):
    images = tf.cast(random_images(16, 8, 6, 3), tf.float32)
    eager = change(images, SEED).numpy()
    piped = tf.data.Dataset.from_tensors(images).map(lambda batch: change(batch, SEED))
    assert piped.element_spec == tf.TensorSpec([16, 8, 6, 3], tf.float32)
    np.testing.assert_array_equal(next(iter(piped)), eager)
    assert not np.array_equal(change(images, OTHER_STEP), eager)
    assert not np.array_equal(change(images, OTHER_PURPOSE), eager)


def test_crop_is_a_window_of_the_black_framed_image():
    padding, height, width = 2, 5, 4
    images = random_images(64, height, width, 3)
    cropped = pad_crop(images, padding, SEED)
    assert cropped.dtype == tf.uint8
    for image, crop in zip(images, cropped.numpy(), strict=True):
        framed = np.zeros([height + 2 * padding, width + 2 * padding, 3], np.uint8)
        framed[padding:-padding, padding:-padding] = image
        windows = [framed[y : y + height, x : x + width] for y in range(5) for x in range(5)]
        assert sum(np.array_equal(crop, window) for window in windows) == 1


def test_crop_offsets_are_uniform_and_independent():
    # Every pixel holds its own place, so that the first one not padded tells the offset.
    height, width, padding, count = 9, 9, 1, 9000
    places = np.arange(height * width, dtype=np.int32).reshape(height, width, 1)
    cropped = pad_crop(np.tile(places, [count, 1, 1, 1]), padding, SEED).numpy()
    centres = cropped[:, 4, 4, 0]
    rows, columns = centres // width - 4, centres % width - 4
    counts = np.histogram2d(rows, columns, bins=[[-1.5, -0.5, 0.5, 1.5]] * 2)[0]
    # 1000 expected in each of 9 cells; five standard deviations are 149.
    assert counts.sum() == count
    assert np.all(np.abs(counts - count / 9) < 149), counts


def test_no_padding_changes_nothing():
    images = random_images(3, 4, 4, 1)
    np.testing.assert_array_equal(pad_crop(images, 0, SEED), images)


def test_half_of_the_images_are_mirrored_left_to_right():
    images = random_images(4000, 2, 3, 1)
    flipped = horizontal_flip(images, SEED).numpy()
    is_mirrored = np.all(flipped == images[:, :, ::-1], axis=(1, 2, 3))
    is_kept = np.all(flipped == images, axis=(1, 2, 3))
    assert np.all(is_mirrored | is_kept)
    # 2000 expected; five standard deviations are 158.
    assert abs(np.sum(is_mirrored & ~is_kept) - 2000) < 158


@pytest.mark.parametrize("length", [1, 2, 3, 4, 16])
def test_cutout_blanks_one_square_clipped_at_the_border(length):
    height, width, count = 6, 5, 3000
    blank = cutout(tf.ones([count, height, width, 2]), length, SEED).numpy() == 0
    np.testing.assert_array_equal(blank[..., 0], blank[..., 1])
    squares = {}
    for y in range(height):
        for x in range(width):
            square = np.zeros([height, width], bool)
            top, left = y - length // 2, x - length // 2
            square[max(top, 0) : top + length, max(left, 0) : left + length] = True
            squares.setdefault(square.tobytes(), []).append((y, x))
    found = [mask.tobytes() for mask in blank[..., 0]]
    assert set(found) == set(squares)
    for square, centres in squares.items():
        expected = count * len(centres) / (height * width)
        # Centres are uniform: within five standard deviations.
        assert abs(found.count(square) - expected) <= 5 * np.sqrt(expected), centres


def test_cutout_areas_by_hand():
    # Length 4 at the corner pixel (0, 0): rows and columns -2 to 1, so 2x2 pixels; inside 4x4.
    areas = np.sum(cutout(tf.ones([2000, 8, 8, 1]), 4, SEED).numpy() == 0, axis=(1, 2, 3))
    assert areas.min() == 4
    assert areas.max() == 16


def test_cutout_keeps_what_is_outside_and_length_0_keeps_all():
    images = random_images(500, 6, 5, 3).astype(np.float32)
    changed = cutout(images, 2, SEED).numpy()
    assert set(np.unique(np.sum(changed != images, axis=(1, 2, 3)))) == {3, 6, 12}
    np.testing.assert_array_equal(changed[changed != 0], images[changed != 0])
    np.testing.assert_array_equal(cutout(images, 0, SEED), images)


def test_normalize_by_hand():
    images = np.array([[[[0, 255]], [[51, 100]]]], np.uint8)
    normalized = normalize(images, np.array([51.0, 100.0], np.float32), np.array([25.5, 31.0], np.float32))
    assert normalized.dtype == tf.float32
    np.testing.assert_allclose(normalized, [[[[-2.0, 5.0]], [[0.0, 0.0]]]], rtol=1e-6)


def test_statistics_of_all_images(monkeypatch):
    monkeypatch.setattr(augmentation, "STATISTICS_CHUNK", 3)
    images = random_images(8, 5, 4, 3)
    images[..., 1] = 7
    mean, deviation = channel_statistics(ImageSplit.from_pixels(images, np.zeros(8)))
    assert mean.dtype == deviation.dtype == np.float32
    np.testing.assert_allclose(mean, images.mean(axis=(0, 1, 2)), rtol=1e-6)
    expected = images.std(axis=(0, 1, 2))
    np.testing.assert_allclose(deviation, [expected[0], 1.0, expected[2]], rtol=1e-6)
    normalized = normalize(images, mean, deviation).numpy()
    np.testing.assert_allclose(normalized.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(normalized.std(axis=(0, 1, 2)), [1, 0, 1], atol=1e-5)


def test_statistics_of_many_images_are_of_evenly_spaced_ones(monkeypatch):
    monkeypatch.setattr(augmentation, "MOST_IMAGES_FOR_STATISTICS", 3)
    images = np.arange(9, dtype=np.uint8).reshape(9, 1, 1, 1) ** 2
    mean, deviation = channel_statistics(ImageSplit.from_pixels(images, np.zeros(9)))
    # Images 0, 4 and 8: values 0, 16 and 64.
    np.testing.assert_allclose(mean, [80 / 3], rtol=1e-6)
    np.testing.assert_allclose(deviation, [np.std([0, 16, 64])], rtol=1e-6)


def test_steps_give_other_crops():
    images = random_images(32, 8, 8, 1)
    first, second = (pad_crop(images, 2, stateless_seed(0, "crop", step)) for step in (0, 1))
    assert not np.array_equal(first, second)
