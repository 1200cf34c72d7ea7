import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.kernels.compiled_functions import compiled, differentiable


@compiled
def _cube(values, factor):
    return factor * values**3, 3.0 * factor * values**2


@compiled
def _cube_gradient(slopes, gradient):
    return slopes * gradient


def cube(values):
    def forward(originals):
        outputs, slopes = _cube(originals, 2.0)
        return outputs, [slopes]

    return differentiable(forward, lambda residuals, gradient: _cube_gradient(*residuals, gradient))(values)


@pytest.mark.parametrize("in_graph", [True, False])
def test_it_has_the_value_of_one_function_and_the_gradient_of_the_other(in_graph):
    def run(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = cube(values)
        return outputs, tape.gradient(outputs, values)

    values = tf.constant([1.0, -2.0, 0.5])
    outputs, gradient = (tf.function(run, autograph=False) if in_graph else run)(values)
    np.testing.assert_allclose(outputs, [2.0, -16.0, 0.25])
    np.testing.assert_allclose(gradient, [6.0, 24.0, 1.5])


def test_it_can_be_differentiated_in_a_branch_that_captures_its_input():
    """Called by itself, a compiled function captures tensors from outside, which have no gradient inside."""

    @tf.function(autograph=False)
    def gradient(values, index):
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = tf.switch_case(index, [lambda: cube(values), lambda: 5.0 * values])
        return tape.gradient(outputs, values)

    values = tf.constant([1.0, -2.0])
    np.testing.assert_allclose(gradient(values, tf.constant(0)), [6.0, 24.0])
    np.testing.assert_allclose(gradient(values, tf.constant(1)), [5.0, 5.0])


def test_several_inputs_and_outputs_each_have_their_gradient():
    def forward(a, b):
        return (a * b, a + b), [a, b]

    def backward(residuals, product_gradient, sum_gradient):
        a, b = residuals
        return product_gradient * b + sum_gradient, product_gradient * a + sum_gradient

    a, b = tf.constant([2.0, 3.0]), tf.constant([5.0, 7.0])
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        product, total = differentiable(forward, backward)(a, b)
        objective = tf.reduce_sum(product + 10.0 * total)
    found = tape.gradient(objective, [a, b])
    np.testing.assert_allclose(found, [[15.0, 17.0], [12.0, 13.0]])
