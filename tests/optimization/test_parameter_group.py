import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.optimization.parameter_group import ParameterGroup, descend
from eoinas_tf.optimization.precision import LossScale, NoLossScale


def group(values, learning_rate=0.1, **settings):
    variables = [keras.Variable(np.array(value, np.float32)) for value in values]
    optimizer = keras.optimizers.SGD(learning_rate)
    optimizer.build(variables)
    return ParameterGroup(variables, optimizer, **settings)


def test_without_clipping_the_decay_is_added_and_the_norm_is_the_gradients():
    gradients, norm = group([[1.0, 2.0], [3.0]], l2=0.5).clipped_and_decayed(
        [tf.constant([3.0, 0.0]), tf.constant([4.0])]
    )
    np.testing.assert_allclose(gradients[0], [3.5, 1.0])
    np.testing.assert_allclose(gradients[1], [5.5])
    assert float(norm) == pytest.approx(5.0)


def test_with_clipping_the_gradients_are_scaled_before_the_decay():
    gradients, norm = group([[1.0, 2.0]], l2=0.5, clip_norm=1.0).clipped_and_decayed([tf.constant([3.0, 4.0])])
    np.testing.assert_allclose(gradients[0], [0.6 + 0.5, 0.8 + 1.0], rtol=1e-6)
    assert float(norm) == pytest.approx(5.0)


def test_two_groups_descend_by_their_own_optimizers():
    first, second = group([[1.0]], 0.1, l2=0.0), group([[1.0]], 0.5, l2=0.0)
    groups = [(first, [tf.constant([2.0])]), (second, [tf.constant([1.0])])]
    norm = descend(groups, tf.constant(3.0), NoLossScale())
    np.testing.assert_allclose(first.variables[0], [0.8])
    np.testing.assert_allclose(second.variables[0], [0.5])
    assert float(norm) == 3.0


def test_an_overflow_keeps_all_groups_where_they_are_and_lowers_the_scale_once():
    first, second, scale = group([[1.0]], l2=0.0), group([[1.0]], l2=0.0), LossScale()
    before = float(scale.factor.numpy())
    groups = [(first, [tf.constant([2.0])]), (second, [tf.constant([float("inf")])])]
    norm = descend(groups, tf.constant(float("inf")), scale)
    np.testing.assert_allclose([first.variables[0][0], second.variables[0][0]], [1.0, 1.0])
    assert float(scale.factor.numpy()) == before / 2
    assert float(norm) == 0.0
