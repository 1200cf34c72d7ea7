import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.kernels.branch_choice import run_one_of, run_with_frozen_weights
from eoinas_tf.kernels.kernel_policy import MIN_ELEMENTS_TO_INLINE_BRANCHES

SIDE, CHANNELS = 8, 4
MANY = MIN_ELEMENTS_TO_INLINE_BRANCHES // (SIDE * SIDE * CHANNELS)
BATCH_SIZES = pytest.mark.parametrize("batch_size", [2, MANY], ids=["small", "large"])


def images(batch_size):
    return tf.constant(np.random.default_rng(0).normal(size=(batch_size, SIDE, SIDE, CHANNELS)).astype(np.float32))


@tf.function(autograph=False)
def chosen_and_gradients(inputs, factor, index):
    branches = [lambda: tf.sin(inputs) * factor, lambda: inputs**2, lambda: tf.zeros_like(inputs)]
    with tf.GradientTape() as tape:
        tape.watch([inputs, factor])
        outputs = run_one_of(branches, index, inputs)
    return outputs, tape.gradient(outputs, [inputs, factor])


@BATCH_SIZES
def test_values_and_gradients_are_those_of_the_chosen_branch(batch_size):
    inputs, factor = images(batch_size), tf.constant(3.0)
    x = inputs.numpy()
    expected = [
        (3 * np.sin(x), 3 * np.cos(x), np.sin(x).sum(dtype=np.float64)),
        (x**2, 2 * x, 0.0),
        (np.zeros_like(x), np.zeros_like(x), 0.0),
    ]
    for index, (value, input_gradient, factor_gradient) in enumerate(expected):
        outputs, gradients = chosen_and_gradients(inputs, factor, tf.constant(index))
        np.testing.assert_allclose(outputs, value, atol=1e-5)
        np.testing.assert_allclose(gradients[0], input_gradient, atol=1e-5)
        np.testing.assert_allclose(gradients[1], factor_gradient, atol=1e-2)


@BATCH_SIZES
def test_branches_are_inlined_for_large_batches_only(batch_size):
    graph = chosen_and_gradients.get_concrete_function(images(batch_size), tf.constant(3.0), tf.constant(0)).graph
    choices = [operation for operation in graph.get_operations() if operation.type == "StatelessCase"]
    assert len(choices) == 2, "one forward, one of the gradient"
    assert {choice.get_attr("_lower_using_switch_merge") for choice in choices} == {batch_size == MANY}


def test_outside_of_graphs_the_branch_is_simply_run():
    inputs = images(2)
    assert run_one_of([lambda: inputs, lambda: -inputs], tf.constant(1), inputs)[0, 0, 0, 0] == -inputs[0, 0, 0, 0]


@BATCH_SIZES
def test_frozen_weights_get_no_gradient_and_small_batches_no_trace_of_their_own(batch_size):
    called = []

    def function(name):
        def run(inputs, weights, factor):
            called.append(name)
            return inputs * tf.reduce_sum(tf.stop_gradient(weights) if name == "frozen" else weights) * factor

        return run

    @tf.function(autograph=False)
    def run(inputs, weights):
        with tf.GradientTape() as tape:
            tape.watch([inputs, weights])
            outputs = run_with_frozen_weights(function("trained"), function("frozen"), inputs, weights, 2.0)
        return outputs, *tape.gradient(outputs, [inputs, weights], unconnected_gradients=tf.UnconnectedGradients.ZERO)

    inputs = images(batch_size)
    outputs, input_gradient, weight_gradient = run(inputs, tf.constant([1.0, 2.0]))
    assert called == ["trained" if batch_size == 2 else "frozen"]
    np.testing.assert_allclose(outputs, 6.0 * inputs, rtol=1e-6)
    np.testing.assert_allclose(input_gradient, np.full(inputs.shape, 6.0))
    np.testing.assert_array_equal(weight_gradient, [0.0, 0.0])
