import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from eoinas_tf.data.image_mixing import draw_beta, mix_images
from eoinas_tf.random_seeds import stateless_seed

SEED = stateless_seed(0, "image mixing", 3)
COUNT = 40
# Image n is n + 1 everywhere, so that a pixel identifies its image.
IMAGES = np.tile(np.arange(1, COUNT + 1, dtype=np.float32)[:, None, None, None], [1, 6, 9, 2])
LABELS = np.arange(COUNT, dtype=np.int32) % 7


def mixed(mixup_alpha=0.0, cutmix_alpha=0.0, seed=SEED):
    return [
        part.numpy() for part in mix_images(tf.constant(IMAGES), tf.constant(LABELS), mixup_alpha, cutmix_alpha, seed)
    ]


def folded(*numbers):
    seed = SEED
    for number in numbers:
        seed = tf.random.fold_in(seed, number, alg="philox")
    return seed


def uniform(shape, *numbers):
    return tf.random.stateless_uniform(shape, folded(*numbers), alg="philox").numpy()


@pytest.mark.parametrize("alpha", [1e-3, 0.2, 1.0, 5.0])
def test_shares_are_beta_distributed(alpha):
    drawn = draw_beta(4000, alpha, SEED).numpy().astype(np.float64)
    assert ((drawn >= 0) & (drawn <= 1)).all()
    inner = (drawn > 1e-6) & (drawn < 1 - 1e-6)
    # Even for values next to 0 and 1, float32 shows how many there are.
    law = stats.beta(alpha, alpha)
    assert inner.mean() == pytest.approx(law.cdf(1 - 1e-6) - law.cdf(1e-6), abs=0.03)
    low, high = law.cdf(1e-6), law.cdf(1 - 1e-6)
    if inner.sum() > 100:
        assert stats.kstest((law.cdf(drawn[inner]) - low) / (high - low), "uniform").pvalue > 1e-3


def test_the_smallest_alpha_gives_whole_images():
    drawn = draw_beta(100, 1e-44, SEED).numpy()
    assert set(drawn.tolist()) == {0.0, 1.0}


def test_mixup_blends_each_image_and_label_with_the_one_before():
    images, partner_labels, shares = mixed(mixup_alpha=0.4)
    np.testing.assert_array_equal(shares, draw_beta(COUNT, 0.4, folded(0)))
    np.testing.assert_array_equal(partner_labels, np.roll(LABELS, 1))
    layer = keras.layers.MixUp()
    order = np.roll(np.arange(COUNT), 1)
    transformation = {"mix_weight": shares, "permutation_order": order}
    np.testing.assert_allclose(images, layer.transform_images(IMAGES, transformation), rtol=1e-6)


def test_cutmix_replaces_rectangles_and_counts_their_pixels():
    images, partner_labels, shares = mixed(cutmix_alpha=1.0)
    np.testing.assert_array_equal(partner_labels, np.roll(LABELS, 1))
    before = draw_beta(COUNT, 1.0, folded(1)).numpy()
    centres = uniform([2, COUNT], 3)
    for number in range(COUNT):
        expected = np.full((6, 9), number + 1.0)
        rows, columns = int(6 * np.sqrt(1 - before[number])), int(9 * np.sqrt(1 - before[number]))
        top, left = int(centres[0, number] * 6) - rows // 2, int(centres[1, number] * 9) - columns // 2
        expected[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + columns, 0)] = (number - 1) % COUNT + 1
        np.testing.assert_array_equal(images[number, ..., 0], expected)
        np.testing.assert_array_equal(images[number, ..., 1], expected)
        assert shares[number] == pytest.approx(np.mean(expected == number + 1), abs=1e-6)
    assert np.sum(shares < 0.7) > 5


def test_with_both_each_image_has_one_of_the_two():
    both, _, shares = mixed(mixup_alpha=0.4, cutmix_alpha=1.0)
    first, _, first_shares = mixed(mixup_alpha=0.4)
    second, _, second_shares = mixed(cutmix_alpha=1.0)
    is_first = uniform([COUNT], 2) < 0.5
    assert 10 < is_first.sum() < 30
    np.testing.assert_array_equal(both, np.where(is_first[:, None, None, None], first, second))
    np.testing.assert_array_equal(shares, np.where(is_first, first_shares, second_shares))


def test_steps_differ_and_a_step_can_be_repeated():
    first, again, other = (mixed(0.4, 1.0, seed)[0] for seed in (SEED, SEED, stateless_seed(0, "image mixing", 4)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
