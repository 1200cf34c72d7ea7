import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.optimization.weight_gradients import clip_and_decay

SHAPES = [(3, 3, 2, 1), (4,), ()]


def reference(gradients, values, clip_norm, l2):
    """Scales the gradients down to the norm, then adds l2 times the value; the sum of squares by hand."""
    norm = sum(float((gradient.astype("float64") ** 2).sum()) for gradient in gradients) ** 0.5
    factor = min(1.0, clip_norm / norm) if norm else 1.0
    return [factor * gradient + l2 * value for gradient, value in zip(gradients, values, strict=True)], norm


def arrays(generator, scale):
    return [np.asarray(scale * generator.normal(size=shape), "float32") for shape in SHAPES]


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("l2", [0.0, 3e-4, 0.5])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 100.0])
def test_equals_numpy(generator, scale, l2, traced):
    gradients, values = arrays(generator, scale), arrays(generator, 1.0)
    variables = [keras.Variable(value) for value in values]

    def compute():
        return clip_and_decay([tf.constant(gradient) for gradient in gradients], variables, 5.0, l2)

    outputs, norm = (tf.function(compute) if traced else compute)()
    expected, expected_norm = reference(gradients, values, 5.0, l2)
    assert float(norm) == pytest.approx(expected_norm, rel=1e-5)
    assert len(outputs) == len(SHAPES)
    for output, array in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output, array, rtol=1e-5, atol=1e-7)


def test_decay_is_not_clipped():
    """Clipping after the decay would give norm 1, not 1 + 10 * 0.5."""
    (output,), norm = clip_and_decay([tf.constant([100.0])], [keras.Variable([10.0])], 1.0, 0.5)
    assert float(norm) == 100.0
    assert float(output[0]) == pytest.approx(6.0)


def test_norm_is_over_all_gradients_together():
    gradients = [tf.constant([3.0]), tf.constant([4.0])]
    outputs, norm = clip_and_decay(gradients, [keras.Variable([0.0]), keras.Variable([0.0])], 1.0, 0.0)
    assert float(norm) == pytest.approx(5.0)
    np.testing.assert_allclose([float(output[0]) for output in outputs], [0.6, 0.8], rtol=1e-6)


def test_variables_are_not_changed():
    variable = keras.Variable([2.0])
    clip_and_decay([tf.constant([1.0])], [variable], 5.0, 0.1)
    assert float(variable[0]) == 2.0


def test_a_gradient_that_is_not_finite_shows_in_the_norm():
    outputs, norm = clip_and_decay([tf.constant([np.inf, 1.0])], [keras.Variable([0.0, 0.0])], 5.0, 0.0)
    assert not np.isfinite(norm)
    assert not np.all(np.isfinite(outputs[0]))


def test_a_gradient_for_each_variable_is_needed():
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is longer"):
        clip_and_decay([tf.constant([1.0])], [keras.Variable([1.0]), keras.Variable([1.0])], 5.0, 0.0)
