"""Our counterparts of TensorFlow Addons' features, compared with its outputs (`record_tensorflow_addons.py`)."""

from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from eoinas_tf.data import augmentation
from eoinas_tf.evaluation.drop_path import DropPath, draw_path_scales, scale_path
from eoinas_tf.optimization.weight_gradients import clip_and_decay

RECORD = Path(__file__).parent / "recorded" / "tensorflow_addons.npz"
NO_CLIPPING = 1e6


@pytest.fixture(scope="module")
def record():
    with np.load(RECORD, allow_pickle=False) as file:
        return dict(file)


@pytest.mark.parametrize("side", [2, 6])
def test_cutout_blanks_the_same_pixels(record, side, monkeypatch):
    images, centres = record["cutout/images"], record["cutout/centres"]
    # Draws are uniform in [0, 1); the middle of a pixel is a value that falls into it.
    draws = ((centres + 0.5) / images.shape[1:3]).T.astype(np.float32)
    monkeypatch.setattr(augmentation, "draw_uniform", lambda *arguments: tf.constant(draws))
    ours = augmentation.cutout(tf.constant(images), side, tf.constant([0, 0]))
    np.testing.assert_array_equal(ours, record[f"cutout/side_{side}"])


def trajectory(optimizer, record, prepare=lambda gradient, variable: gradient):
    variable = keras.Variable(record["decay/start"])
    optimizer.build([variable])
    values = []
    for gradient in record["decay/gradients"]:
        optimizer.apply([prepare(tf.constant(gradient), variable)], [variable])
        values.append(variable.numpy())
    return np.stack(values)


def test_decoupled_decay_is_that_of_keras_with_the_learning_rate_taken_out(record):
    rate, momentum, decay = record["decay/settings"]
    # The add-ons subtract decay * w; Keras subtracts learning_rate * decay * w.
    sgd = keras.optimizers.SGD(rate, momentum, weight_decay=decay / rate)
    np.testing.assert_allclose(trajectory(sgd, record), record["decay/sgdw"], rtol=2e-6, atol=1e-7)
    adam = keras.optimizers.AdamW(rate, weight_decay=decay / rate)
    # Their Adam takes 1 - 0.999 in float32, which is off by 1e-5.
    np.testing.assert_allclose(trajectory(adam, record), record["decay/adamw"], rtol=0, atol=1e-5)


def test_the_trainings_decay_is_the_coupled_one_and_not_that_of_sgdw(record):
    rate, momentum, decay = record["decay/settings"]

    def prepare(gradient, variable):
        (decayed,), _ = clip_and_decay([gradient], [variable], NO_CLIPPING, decay)
        return decayed

    ours = trajectory(keras.optimizers.SGD(rate, momentum), record, prepare)
    np.testing.assert_allclose(ours, record["decay/coupled"], rtol=2e-6, atol=1e-7)
    assert np.abs(ours - record["decay/sgdw"]).max() > 0.01


def test_a_path_is_theirs_with_its_branch_divided_by_the_probability_of_survival(record):
    shortcut, residual, survival = (record[f"depth/{name}"] for name in ("shortcut", "residual", "survival"))
    for name, scale in (("training_kept", 1.0 / survival), ("training_dropped", 0.0)):
        scales = tf.fill([len(residual), 1, 1, 1], tf.cast(scale, tf.float32))
        # They scale in the test, we in training: what they do to a branch, we do to `survival` times the branch.
        ours = shortcut + scale_path(tf.constant(residual * survival), scales)
        np.testing.assert_allclose(ours, record[f"depth/{name}"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(shortcut + residual * survival, record["depth/test"], rtol=1e-6, atol=1e-6)


def test_paths_are_kept_as_often_but_for_each_image_on_its_own(record):
    survival, theirs = float(record["depth/survival"]), record["depth/is_kept"]
    drop_path = DropPath(tf.constant(1.0 - survival), tf.constant([1, 2]))
    scales = draw_path_scales(drop_path, len(theirs), theirs.shape[1])[..., 0, 0, 0].numpy()
    np.testing.assert_allclose(np.unique(scales), [0.0, 1.0 / survival])
    ours = scales > 0
    for draws in (ours.ravel(), theirs[:, 0]):
        assert scipy.stats.binomtest(int(draws.sum()), len(draws), survival).pvalue > 0.01
    # They draw once per batch.
    assert (theirs == theirs[:, :1]).all()
    assert (ours != ours[:, :1]).any()
