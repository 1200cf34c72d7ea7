import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from eoinas_tf.data import augmentation
from eoinas_tf.data.augmentation import channel_statistics, cutout, horizontal_flip, normalize_channels, pad_crop
from eoinas_tf.data.image_split import ImageSplit
from eoinas_tf.random_seeds import ALGORITHM, stateless_seed

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
    # Every pixel holds its own position, so the first one that is not padding shows the offset.
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
    images = random_images(600, 2, 3, 1)
    flipped = horizontal_flip(images, SEED).numpy()
    is_mirrored = np.all(flipped == images[:, :, ::-1], axis=(1, 2, 3))
    is_kept = np.all(flipped == images, axis=(1, 2, 3))
    assert np.all(is_mirrored | is_kept)
    # 300 expected; five standard deviations are 61.
    assert abs(np.sum(is_mirrored & ~is_kept) - 300) < 61


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
    normalized = normalize_channels(images, np.array([51.0, 100.0], np.float32), np.array([25.5, 31.0], np.float32))
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
    normalized = normalize_channels(images, mean, deviation).numpy()
    np.testing.assert_allclose(normalized.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(normalized.std(axis=(0, 1, 2)), [1, 0, 1], atol=1e-5)


@pytest.mark.parametrize(("most_values", "loaded"), [(2**25, [1, 3, 3, 2]), (130, [1, 2, 2, 2, 2]), (1, [1] * 9)])
def test_statistics_of_large_images_take_little_memory(monkeypatch, most_values, loaded):
    monkeypatch.setattr(augmentation, "STATISTICS_CHUNK", 3)
    monkeypatch.setattr(augmentation, "MOST_VALUES", most_values)
    images, counts = random_images(8, 5, 4, 3), []
    split = ImageSplit.from_pixels(images, np.zeros(8))
    load = split.load_batch
    object.__setattr__(split, "load_batch", lambda indices: counts.append(len(indices)) or load(indices))
    mean, _ = channel_statistics(split)
    assert counts == loaded
    np.testing.assert_allclose(mean, images.mean(axis=(0, 1, 2)), rtol=1e-6)


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


# (height, width, channels): square, odd, not square, one row.
SHAPES = [(8, 8, 3), (7, 5, 1), (4, 9, 3), (1, 6, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("padding", [1, 4, 12])
def test_crop_against_loops(shape, padding):
    images = random_images(6, *shape)
    offsets = tf.random.stateless_uniform([2, 6], SEED, 0, 2 * padding + 1, tf.int32, alg=ALGORITHM).numpy()
    expected = np.zeros_like(images)
    for image in range(6):
        for y in range(shape[0]):
            for x in range(shape[1]):
                from_y, from_x = y + offsets[0, image] - padding, x + offsets[1, image] - padding
                if 0 <= from_y < shape[0] and 0 <= from_x < shape[1]:
                    expected[image, y, x] = images[image, from_y, from_x]
    np.testing.assert_array_equal(pad_crop(images, padding, SEED), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_flip_against_loops(shape):
    images = random_images(12, *shape)
    is_flipped = tf.random.stateless_uniform([12, 1, 1, 1], SEED, alg=ALGORITHM).numpy().ravel() < 0.5
    assert 0 < is_flipped.sum() < 12
    expected = images.copy()
    for image in np.flatnonzero(is_flipped):
        for x in range(shape[1]):
            expected[image, :, x] = images[image, :, shape[1] - 1 - x]
    np.testing.assert_array_equal(horizontal_flip(images, SEED), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("length", [1, 4, 5, 16])
def test_cutout_against_loops(shape, length):
    images = random_images(12, *shape).astype(np.float32)
    centres = tf.random.stateless_uniform([2, 12], SEED, alg=ALGORITHM).numpy()
    expected = images.copy()
    for image in range(12):
        top, left = (int(centres[axis, image] * shape[axis]) - length // 2 for axis in (0, 1))
        for y in range(shape[0]):
            for x in range(shape[1]):
                if top <= y < top + length and left <= x < left + length:
                    expected[image, y, x] = 0
    np.testing.assert_array_equal(cutout(images, length, SEED), expected)


def test_crop_offsets_with_padding_4_are_uniform_by_chi_square():
    # Images of 9x9 positions with 4 pixels of padding: the middle pixel shows which of 81 windows was cut.
    count = 8100
    places = np.arange(81, dtype=np.int32).reshape(9, 9, 1)
    cropped = pad_crop(np.tile(places, [count, 1, 1, 1]), 4, SEED).numpy()
    windows = np.bincount(cropped[:, 4, 4, 0], minlength=81)
    assert windows.min() > 0
    assert stats.chisquare(windows).pvalue > 1e-4


def test_cutout_centres_are_uniform_by_chi_square():
    # A square of one pixel is its own centre; every pixel of the 6x5 must occur, including those at the border.
    blank = cutout(tf.ones([6000, 6, 5, 1]), 1, SEED).numpy() == 0
    assert np.all(blank.sum(axis=(1, 2, 3)) == 1)
    assert stats.chisquare(blank.sum(axis=(0, 3)).ravel()).pvalue > 1e-4


def test_the_largest_draw_stays_inside(monkeypatch):
    # A float32 below 1 times the side rounds up to the side only for sides of more than 2 ** 23 pixels.
    largest = np.nextafter(np.float32(1), np.float32(0))
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda shape, *_, **__: tf.fill(shape, largest))
    blank = cutout(tf.ones([1, 224, 331, 1]), 1, SEED).numpy()[0, ..., 0] == 0
    assert np.argwhere(blank).tolist() == [[223, 330]]


def test_crops_flips_and_squares_of_the_images_of_a_batch_differ():
    images = np.tile(random_images(1, 9, 9, 3), [64, 1, 1, 1]).astype(np.float32)
    for change in CHANGES.values():
        changed = change(images, SEED).numpy()
        assert len({image.tobytes() for image in changed}) > 1


def test_recorded_changes():
    # Recorded once: a resumed run must change its images as the original run would have.
    images, seed = np.arange(1, 51, dtype=np.uint8).reshape(2, 5, 5, 1), stateless_seed(0, "training: crop", 7)
    assert pad_crop(images, 2, seed).numpy()[:, 2, 2, 0].tolist() == [25, 46]
    flipped = horizontal_flip(np.tile(images, [4, 1, 1, 1]), seed).numpy()
    assert flipped[:, 0, 0, 0].tolist() == [5, 26, 5, 30, 5, 30, 1, 26]
    blank = cutout(tf.ones([6, 5, 5, 1]), 1, seed).numpy().reshape(6, 25) == 0
    assert blank.argmax(axis=1).tolist() == [3, 12, 9, 7, 3, 9]


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_of_a_subset_are_its_own(channels):
    images = random_images(20, 3, 7, channels)
    chosen = np.array([3, 17, 4])
    mean, deviation = channel_statistics(ImageSplit.from_pixels(images, np.zeros(20)).subset(chosen))
    np.testing.assert_allclose(mean, images[chosen].mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(deviation, images[chosen].std(axis=(0, 1, 2)), rtol=1e-6)
