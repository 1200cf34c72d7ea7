import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.batch_rows import BatchRows
from eoinas_tf.data.rand_augment import LARGEST_MAGNITUDE, OPERATIONS, operations_for, rand_augment
from eoinas_tf.random_seeds import stateless_seed

SEED = stateless_seed(0, "augment", 3)
GENERATOR = np.random.default_rng(1)
# A gradient with noise, so that neighbours are similar and no channel uses the whole range.
GRADIENT = np.linspace(40, 160, 12)[:, None, None] + np.linspace(-20, 20, 9)[None, :, None]
IMAGE = (GRADIENT + GENERATOR.uniform(0, 60, (12, 9, 3))).astype(np.uint8)
AMOUNTS = [-1.0, -0.5, 0.0, 0.3, 1.0]


def changed(name, amount, image=IMAGE):
    return OPERATIONS[name](tf.constant(image, tf.float32), tf.constant(amount, tf.float32)).numpy()


def enhanced(enhancer):
    return lambda image, amount: enhancer(image).enhance(1 + 0.9 * amount)


PILLOW = {
    "identity": lambda image, amount: image,
    "auto_contrast": lambda image, amount: ImageOps.autocontrast(image),
    "solarize": lambda image, amount: ImageOps.solarize(image, 256 * (1 - abs(amount))),
    "posterize": lambda image, amount: ImageOps.posterize(image, 8 - round(4 * abs(amount))),
    "saturation": enhanced(ImageEnhance.Color),
    "contrast": enhanced(ImageEnhance.Contrast),
    "brightness": enhanced(ImageEnhance.Brightness),
    "sharpness": enhanced(ImageEnhance.Sharpness),
}


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("name", PILLOW)
def test_colours_change_as_pillow_changes_them(name, amount):
    found = np.clip(np.round(changed(name, amount)), 0, 255)
    expected = np.asarray(PILLOW[name](Image.fromarray(IMAGE), amount), np.float64)
    # Pillow rounds grey, smoothed and blended values down to whole ones in between, multiplied by at most 1.9.
    exact = name in ("identity", "solarize", "posterize")
    np.testing.assert_allclose(found, expected, atol=0 if exact else 2.0)
    assert name in ("identity", "auto_contrast") or abs(amount) < 1 or np.abs(found - IMAGE).max() > 10


def matrix_and_shift(name, amount, height, width):
    """The rows and columns from which pixels come, as [2, 2] and [2] of (row, column)."""
    if name == "rotate":
        angle = math.radians(30 * amount)
        matrix = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        middle = np.array([(height - 1) / 2, (width - 1) / 2])
        return matrix, middle - matrix @ middle
    return {
        "shear_columns": (np.array([[1, 0], [0.3 * amount, 1]]), np.zeros(2)),
        "shear_rows": (np.array([[1, 0.3 * amount], [0, 1]]), np.zeros(2)),
        "shift_columns": (np.eye(2), np.array([0, round(0.45 * amount * width)])),
        "shift_rows": (np.eye(2), np.array([round(0.45 * amount * height), 0])),
    }[name]


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("name", ["rotate", "shear_columns", "shear_rows", "shift_columns", "shift_rows"])
def test_shapes_change_as_scipy_changes_them(name, amount):
    matrix, shift = matrix_and_shift(name, amount, *IMAGE.shape[:2])
    expected = np.stack(
        [
            ndimage.affine_transform(channel.astype(np.float64), matrix, shift, order=1, mode="grid-constant", cval=128)
            for channel in np.moveaxis(IMAGE, 2, 0)
        ],
        axis=2,
    )
    found = changed(name, amount)
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert amount == 0 or np.abs(found - IMAGE).max() > 2


def test_equalization_gives_each_value_its_rank():
    found = changed("equalize", 1.0)
    for channel in range(3):
        values = IMAGE[..., channel]
        ranks = np.array([np.sum(values <= value) for value in values.ravel()])
        first = np.sum(values == values.min())
        expected = np.round((ranks - first) * 255 / (values.size - first))
        np.testing.assert_array_equal(found[..., channel].ravel(), expected)


@pytest.mark.parametrize("name", ["auto_contrast", "equalize"])
def test_an_image_of_one_colour_stays_as_it_is(name):
    image = np.full((5, 4, 3), 77, np.uint8)
    np.testing.assert_array_equal(changed(name, 1.0, image), image)


def test_every_operation_is_compared_above():
    shapes = {"rotate", "shear_columns", "shear_rows", "shift_columns", "shift_rows"}
    assert set(OPERATIONS) == {*PILLOW, *shapes, "equalize"}
    assert len(OPERATIONS) == 14


def numpy_choices(batch, layers, operations):
    draws = tf.random.stateless_uniform([2, batch, layers], SEED, alg="philox").numpy()
    return (draws[0] * operations).astype(int), np.where(draws[1] < 0.5, -1.0, 1.0)


def test_each_image_goes_through_its_own_operations_one_after_the_other():
    images = np.stack([np.roll(IMAGE, number, axis=0) for number in range(20)])
    found = tf.function(lambda: rand_augment(tf.constant(images), 2, 6.0, SEED))().numpy()
    choices, signs = numpy_choices(20, 2, 14)
    assert len(set(choices.ravel().tolist())) > 8
    assert len(set(map(tuple, choices.tolist()))) > 10
    for image, own, sign, result in zip(images, choices, signs, found, strict=True):
        for choice, direction in zip(own, sign, strict=True):
            image = np.clip(np.round(changed(list(OPERATIONS)[choice], direction * 0.6, image)), 0, 255)
        np.testing.assert_array_equal(result, image)
    assert found.dtype == np.float32


def test_without_layers_images_are_returned_as_they_are():
    images = tf.constant(IMAGE[None])
    assert rand_augment(images, 0, 9.0, SEED) is images


def test_grey_images_have_no_saturation():
    assert len(operations_for(3)) == 14
    assert OPERATIONS["saturation"] not in operations_for(1)
    assert len(operations_for(1)) == 13
    grey = np.repeat(IMAGE[None, ..., :1], 30, axis=0)
    found = rand_augment(grey, 1, 9.0, SEED).numpy()
    choices, _ = numpy_choices(30, 1, 13)
    is_identity = choices[:, 0] == 0
    assert (found[is_identity] == grey[is_identity]).all()
    assert found.shape == grey.shape


def test_a_worker_s_rows_are_those_of_the_whole_batch():
    images = np.stack([np.roll(IMAGE, number, axis=0) for number in range(6)])
    whole = rand_augment(images, 1, 9.0, SEED).numpy()
    own = rand_augment(images[2:5], 1, 9.0, SEED, BatchRows(2, 3, 6)).numpy()
    np.testing.assert_array_equal(own, whole[2:5])


def test_the_type_that_a_network_computes_in_changes_nothing():
    expected = [changed(name, 1.0) for name in ("auto_contrast", "equalize")]
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        found = [changed(name, 1.0) for name in ("auto_contrast", "equalize")]
    finally:
        keras.config.set_dtype_policy(before)
    np.testing.assert_array_equal(found, expected)


def test_it_draws_from_no_generator():
    """State would show as a variable of the graph, or as an operation that is marked as stateful."""
    graph = tf.function(lambda: rand_augment(tf.constant(IMAGE[None]), 2, 9.0, SEED), autograph=False)
    concrete = graph.get_concrete_function()
    assert concrete.variables == ()
    names = {node.op for node in concrete.graph.as_graph_def().node}
    names |= {node.op for part in concrete.graph.as_graph_def().library.function for node in part.node_def}
    assert {name for name in names if "Random" in name and not name.startswith("Stateless")} == set()
    assert "StatelessRandomUniformV2" in names


def test_the_flag_s_bound_is_the_strongest():
    (field,) = [field for field in dataclasses.fields(EvaluationConfig) if field.name == "randaugment_magnitude"]
    assert field.metadata["maximum"] == LARGEST_MAGNITUDE
