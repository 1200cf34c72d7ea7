import colorsys
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance
from scipy import stats

from eoinas_tf.data import color_jitter
from eoinas_tf.data.augmentation import normalize_channels
from eoinas_tf.data.color_jitter import (
    change_brightness,
    change_contrast,
    change_saturation,
    flip_jitter_and_normalize,
    turn_hue,
)
from eoinas_tf.random_seeds import stateless_seed

SEED = stateless_seed(0, "colors", 3)
IMAGE = np.random.default_rng(2).integers(0, 256, [5, 4, 3]).astype(np.float32)
WEIGHTS = np.array([0.299, 0.587, 0.114])


def numpy_brightness(image, amount):
    return np.clip(image * (1 + amount), 0, 255)


def numpy_contrast(image, amount):
    return np.clip((1 + amount) * image - amount * (image @ WEIGHTS).mean(), 0, 255)


def numpy_saturation(image, amount):
    return np.clip((1 + amount) * image - amount * (image @ WEIGHTS)[..., None], 0, 255)


def numpy_hue(image, amount):
    turned = [
        colorsys.hsv_to_rgb((hue + amount) % 1, saturation, value)
        for hue, saturation, value in (colorsys.rgb_to_hsv(*pixel / 255) for pixel in image.reshape(-1, 3))
    ]
    return 255 * np.array(turned).reshape(image.shape)


def changed(change, image, amount):
    """Changes an image [height, width, channels], which the changes take as planes."""
    return tf.transpose(change(tf.transpose(image, [2, 0, 1]), tf.constant(amount, tf.float32)), [1, 2, 0]).numpy()


CHANGES = {
    change_brightness: numpy_brightness,
    change_contrast: numpy_contrast,
    change_saturation: numpy_saturation,
    turn_hue: numpy_hue,
}


@pytest.mark.parametrize(("change", "reference"), CHANGES.items(), ids=lambda value: value.__name__)
@pytest.mark.parametrize("amount", [-0.4, -0.1, 0.0, 0.3])
def test_each_change_is_that_of_numpy(change, reference, amount):
    found = changed(change, IMAGE, amount)
    np.testing.assert_allclose(found, reference(IMAGE.astype(np.float64), amount), atol=0.01)


def test_changes_by_hand():
    image = [[[100.0, 50.0, 200.0], [20.0, 20.0, 20.0]]]
    np.testing.assert_allclose(changed(change_brightness, image, 0.5), [[[150, 75, 255], [30, 30, 30]]])
    # The first pixel's grey is 29.9 + 29.35 + 22.8 = 82.05, the mean 51.025.
    np.testing.assert_allclose(changed(change_saturation, image, -1.0), [[[82.05] * 3, [20] * 3]], rtol=1e-5)
    np.testing.assert_allclose(changed(change_contrast, image, -1.0), np.full([1, 2, 3], 51.025), rtol=1e-5)
    # A third of the circle takes red to green, green to blue, blue to red.
    np.testing.assert_allclose(changed(turn_hue, image, 1 / 3), [[[200, 100, 50], [20, 20, 20]]], atol=0.01)


@pytest.mark.parametrize(
    ("change", "enhance"),
    [
        (change_brightness, ImageEnhance.Brightness),
        (change_contrast, ImageEnhance.Contrast),
        (change_saturation, ImageEnhance.Color),
    ],
)
def test_changes_are_pillows_but_for_its_rounding(change, enhance):
    for amount in (-0.4, 0.4):
        expected = np.asarray(enhance(Image.fromarray(IMAGE.astype(np.uint8))).enhance(1 + amount))
        np.testing.assert_allclose(changed(change, IMAGE, amount), expected, atol=1.5)


def test_a_jittered_image_is_the_changes_one_after_another_in_one_of_their_orders():
    count, strength, hue = 300, 0.4, 0.2
    images = np.tile(IMAGE, [count, 1, 1, 1])
    found = flip_jitter_and_normalize(images, strength, hue, SEED).numpy()
    draws = tf.random.stateless_uniform([2, count, 4], SEED, -1.0, 1.0, alg="philox").numpy()
    orders = []
    for image, draw, ranks in zip(found, *draws, strict=True):
        amounts = draw * [strength, strength, strength, hue]
        expected = IMAGE.astype(np.float64)
        order = tuple(np.argsort(ranks))
        for which in order:
            expected = list(CHANGES.values())[which](expected, amounts[which])
        np.testing.assert_allclose(image, expected, atol=0.05)
        orders.append(order)
    assert set(orders) == set(itertools.permutations(range(4)))


# An image at a time, eagerly, takes longest with thousands of them.
jitter_in_a_graph = tf.function(flip_jitter_and_normalize, autograph=False)


def test_factors_are_uniform_in_their_range():
    # Brightness alone of a dark grey image: the value is the factor.
    images = np.ones([4000, 1, 1, 1], np.float32)
    monochrome = jitter_in_a_graph(images * 100, 0.3, 0.0, SEED).numpy().ravel() / 100
    assert 0.7 <= monochrome.min() < 0.701
    assert 1.299 < monochrome.max() <= 1.3001
    assert stats.kstest((monochrome - 0.7) / 0.6, "uniform").pvalue > 0.001


def test_hues_are_turned_by_uniform_amounts_both_ways():
    red = np.tile(np.array([200.0, 0.0, 0.0], np.float32), [3000, 1, 1, 1])
    turned = jitter_in_a_graph(red, 0.0, 0.2, SEED).numpy().reshape(-1, 3)
    hues = np.array([colorsys.rgb_to_hsv(*pixel)[0] for pixel in turned])
    hues = np.where(hues > 0.5, hues - 1, hues)
    assert -0.2001 < hues.min() < -0.199
    assert 0.199 < hues.max() < 0.2001
    assert stats.kstest((hues + 0.2) / 0.4, "uniform").pvalue > 0.001


def test_a_seed_gives_the_same_images_eagerly_and_in_a_pipeline():
    images = np.random.default_rng(1).integers(0, 256, [6, 8, 7, 3], np.uint8)
    eager = flip_jitter_and_normalize(images, 0.4, 0.2, SEED).numpy()
    piped = tf.data.Dataset.from_tensors(images).map(lambda batch: flip_jitter_and_normalize(batch, 0.4, 0.2, SEED))
    assert piped.element_spec == tf.TensorSpec([6, 8, 7, 3], tf.float32)
    np.testing.assert_allclose(next(iter(piped)), eager, atol=1e-3)
    assert eager.min() >= 0
    assert eager.max() <= 255
    assert not np.array_equal(flip_jitter_and_normalize(images, 0.4, 0.2, stateless_seed(0, "colors", 4)), eager)


@pytest.mark.parametrize("channels", [1, 3])
def test_flips_and_normalization_on_the_way_are_those_of_their_own_passes(channels):
    images = np.random.default_rng(1).integers(0, 256, [6, 8, 7, channels], np.uint8)
    mean, deviation = np.float32([120.0, 110.0, 90.0])[:channels], np.float32([60.0, 50.0, 40.0])[:channels]
    is_flipped = np.array([True, False, False, True, True, False])
    expected = np.where(is_flipped[:, None, None, None], images[:, :, ::-1], images)
    expected = normalize_channels(flip_jitter_and_normalize(expected, 0.4, 0.2, SEED), mean, deviation)
    found = flip_jitter_and_normalize(
        images, 0.4, 0.2, SEED, is_flipped=tf.constant(is_flipped), mean=mean, standard_deviation=deviation
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("amount", [-0.5, -0.2, 0.0, 0.13, 0.5])
def test_hues_are_turned_as_tensorflow_turns_them(amount):
    random = np.random.default_rng(0)
    # Grey, two equal channels, and channels whose difference is all but lost.
    image = np.concatenate(
        [
            random.uniform(0, 255, [30, 9, 3]),
            random.integers(0, 3, [30, 9, 3]) * 127.5,
            np.full([1, 9, 3], 7.0),
            1e-38 * random.integers(0, 2, [5, 9, 3]),
        ]
    ).astype(np.float32)
    expected = tf.image.adjust_hue(image, amount)
    np.testing.assert_allclose(changed(turn_hue, image, amount), expected, atol=1e-3)
    compiled = tf.function(turn_hue, jit_compile=True)(tf.transpose(image, [2, 0, 1]), tf.constant(amount, tf.float32))
    np.testing.assert_allclose(tf.transpose(compiled, [1, 2, 0]), expected, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_asked_for_changes_nothing(channels):
    images = IMAGE[None, ..., :channels]
    np.testing.assert_array_equal(flip_jitter_and_normalize(images, 0.0, 0.0, SEED), images)
    if channels == 1:
        np.testing.assert_array_equal(flip_jitter_and_normalize(images, 0.0, 0.3, SEED), images)


def test_grey_images_stay_grey_and_their_contrast_is_about_their_mean():
    image = np.array([[[10.0], [30.0]]], np.float32)
    np.testing.assert_array_equal(color_jitter.grey(tf.constant(image[None, ..., 0])), image[..., 0])
    np.testing.assert_allclose(changed(change_contrast, image, 0.5), [[[5.0], [35.0]]])
    assert flip_jitter_and_normalize(image[None], 0.4, 0.2, SEED).shape == (1, 1, 2, 1)
