import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.drop_path import (
    DropPath,
    draw_path_scales,
    drop_path_of_cell,
    drop_path_probability,
    scale_path,
)
from eoinas_tf.random_seeds import stateless_seed


def at_step(step, probability=0.25):
    return DropPath(tf.constant(probability), stateless_seed(0, "drop path", step))


def test_scales_are_zero_or_the_inverse_of_keeping():
    scales = draw_path_scales(at_step(3), paths=8, batch_size=2000).numpy()
    assert scales.shape == (8, 2000, 1, 1, 1)
    assert sorted(np.unique(scales)) == pytest.approx([0.0, 4 / 3])
    assert np.mean(scales == 0) == pytest.approx(0.25, abs=0.01)


def test_probability_zero_changes_nothing():
    assert np.all(draw_path_scales(at_step(0, 0.0), paths=8, batch_size=5000).numpy() == 1.0)


def test_the_same_step_repeats_and_every_path_cell_and_step_differs():
    def masks(step, cell):
        return draw_path_scales(drop_path_of_cell(at_step(step), cell), paths=3, batch_size=64).numpy()[..., 0, 0, 0]

    np.testing.assert_array_equal(masks(5, 1), masks(5, 1))
    rows = [row.tobytes() for step in (5, 6) for cell in (0, 1) for row in masks(step, cell)]
    assert len(set(rows)) == len(rows) == 12


def test_scale_path_acts_on_whole_samples():
    inputs = tf.reshape(tf.range(12.0), [3, 2, 1, 2])
    outputs = scale_path(inputs, tf.reshape([0.0, 2.0, 1.0], [3, 1, 1, 1])).numpy()
    np.testing.assert_array_equal(outputs.reshape(3, 4), [[0, 0, 0, 0], [8, 10, 12, 14], [8, 9, 10, 11]])
    assert scale_path(tf.cast(inputs, tf.float16), tf.ones([3, 1, 1, 1])).dtype == tf.float16


def test_probability_rises_linearly():
    assert [float(drop_path_probability(tf.constant(step), 100, 0.3)) for step in (0, 50, 100)] == pytest.approx(
        [0.0, 0.15, 0.3]
    )
