import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.optimization.precision import LossScale, NoLossScale
from eoinas_tf.optimization.weight_update import update_weights


def update(norm, loss_scale, gradient=0.5):
    """Makes two steps of SGD with momentum in a graph; returns the weight, the iterations and the last norm."""
    weight = keras.Variable(np.float32(1.0))
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build([weight])

    @tf.function(autograph=False)
    def step():
        return update_weights(optimizer, [tf.constant(gradient)], [weight], tf.constant(norm), loss_scale)

    step()
    reported = float(step())
    return float(weight), int(optimizer.iterations), reported


@pytest.mark.parametrize("loss_scale", [NoLossScale, LossScale])
def test_a_finite_gradient_is_descended(loss_scale):
    # Momentum: velocity -0.05, then 0.9 * -0.05 - 0.05 = -0.095; 1 - 0.05 - 0.095.
    weight, iterations, norm = update(3.0, loss_scale())
    assert weight == pytest.approx(0.855)
    assert iterations == 2
    assert norm == 3.0


@pytest.mark.parametrize("norm", [np.inf, np.nan])
def test_an_overflow_in_float16_changes_nothing_but_the_scale(norm):
    loss_scale = LossScale()
    before = float(loss_scale.factor)
    weight, iterations, reported = update(norm, loss_scale, gradient=np.nan)
    assert weight == 1.0
    assert iterations == 0
    assert reported == 0.0
    assert float(loss_scale.factor) == before / 4


def test_an_overflow_that_no_scale_can_help_is_reported():
    loss_scale = LossScale()
    loss_scale.factor.assign(1.0)
    weight, _, reported = update(np.inf, loss_scale)
    assert weight == 1.0
    assert reported == np.inf


def test_without_a_loss_scale_what_is_not_finite_is_reported():
    assert np.isnan(update(np.nan, NoLossScale())[2])
