import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from eoinas_tf.data.batch_rows import BatchRows
from eoinas_tf.data.random_erasing import erase_rectangles
from eoinas_tf.random_seeds import stateless_seed

SEED = stateless_seed(0, "erasing", 3)
EMPTY = 100.0


def erased(count=50, probability=0.6, height=10, width=14, seed=SEED, rows=None):
    return erase_rectangles(tf.fill([count, height, width, 2], EMPTY), probability, seed, rows).numpy()


def numpy_rectangles(count, probability, height, width):
    """Yields for each image its rectangle as (first row, end, first column, end), or None."""
    for chance, area, shape, row, column in (
        tf.random.stateless_uniform([5, count], SEED, alg="philox").numpy().T.astype(np.float64)
    ):
        pixels = height * width * (0.02 + (1 / 3 - 0.02) * area)
        aspect = 0.3 ** (1 - 2 * shape)
        rows = int(np.clip(np.round(np.sqrt(pixels * aspect)), 1, height))
        columns = int(np.clip(np.round(np.sqrt(pixels / aspect)), 1, width))
        top, left = int(row * (height - rows + 1)), int(column * (width - columns + 1))
        yield (top, top + rows, left, left + columns) if chance < probability else None


def test_rectangles_and_noise_are_those_of_the_draws():
    found = erased()
    noise = tf.random.stateless_normal([10, 14, 2], tf.random.fold_in(SEED, 0, alg="philox"), alg="philox").numpy()
    rectangles = list(numpy_rectangles(50, 0.6, 10, 14))
    assert 15 < sum(rectangle is not None for rectangle in rectangles) < 45
    for image, rectangle in zip(found, rectangles, strict=True):
        expected = np.full_like(image, EMPTY)
        if rectangle is not None:
            top, bottom, left, right = rectangle
            expected[top:bottom, left:right] = noise[top:bottom, left:right]
        np.testing.assert_array_equal(image, expected)


def test_areas_and_shapes_are_spread_as_in_the_paper():
    is_erased = (erased(count=4000, probability=1.0, height=64, width=64) != EMPTY).any(axis=-1)
    heights, widths = is_erased.any(axis=2).sum(axis=1), is_erased.any(axis=1).sum(axis=1)
    areas = heights * widths / 64**2
    assert is_erased.reshape(4000, -1).sum(axis=1).tolist() == (heights * widths).tolist()
    assert areas.mean() == pytest.approx((0.02 + 1 / 3) / 2, abs=0.005)
    # Sides longer than the image's are shortened, which only the largest areas can need.
    inner = areas < 0.25
    logarithms = np.log(heights[inner] / widths[inner]) / np.log(1 / 0.3)
    assert stats.kstest(logarithms, stats.uniform(-1, 2).cdf).pvalue > 1e-4


def test_the_probability_is_that_of_an_image():
    assert (erased(count=2000, probability=0.25) != EMPTY).any(axis=(1, 2, 3)).mean() == pytest.approx(0.25, abs=0.03)
    assert (erased(probability=1.0) != EMPTY).any(axis=(1, 2, 3)).all()
    images = tf.zeros([2, 4, 4, 1])
    assert erase_rectangles(images, 0.0, SEED) is images


def test_steps_differ_and_a_worker_s_rows_are_those_of_the_whole_batch():
    whole = erased()
    assert (whole != erased(seed=stateless_seed(0, "erasing", 4))).any()
    np.testing.assert_array_equal(erased(count=20, rows=BatchRows(10, 20, 50)), whole[10:30])
