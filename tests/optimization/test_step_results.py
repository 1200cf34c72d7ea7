import pytest
import tensorflow as tf

from eoinas_tf.errors import NonFiniteError
from eoinas_tf.optimization.step_results import StepResults


def add(results, step, loss, accuracy=0.5, norm=1.0):
    results.add(tf.constant(step, tf.int64), tf.constant(loss), tf.constant(accuracy), tf.constant(norm))


def test_means_since_the_last_reset():
    results = StepResults("weight step")
    assert results.means(1) == (None, None)
    add(results, 1, 100.0, 1.0)
    results.reset()
    add(results, 2, 1.0, 0.25)
    add(results, 3, 2.0, 0.5)
    assert results.means(1) == (1.5, 0.375)


@pytest.mark.parametrize("where", ["loss", "norm"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_first_step_that_is_not_finite_is_named(where, value):
    results = StepResults("weight step")
    add(results, 6, 1.0)
    add(results, 7, **{"loss": 1.0, where: value})
    add(results, 8, value)
    with pytest.raises(NonFiniteError, match=r"weight step.* step 7 \(epoch 3\)"):
        results.means(3)


def test_a_reset_does_not_hide_a_bad_step():
    results = StepResults("weight step")
    add(results, 7, float("nan"))
    results.reset()
    with pytest.raises(NonFiniteError, match="step 7"):
        results.means(3)
