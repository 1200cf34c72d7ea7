import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.supernet.branch_choice import FEWEST_NUMBERS_TO_INLINE, are_few, run_one_of

SIDE, CHANNELS = 8, 4
MANY = FEWEST_NUMBERS_TO_INLINE // (SIDE * SIDE * CHANNELS)
BATCH_SIZES = pytest.mark.parametrize("batch_size", [2, MANY], ids=["few", "many"])


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
def test_branches_are_inlined_for_many_images_only(batch_size):
    graph = chosen_and_gradients.get_concrete_function(images(batch_size), tf.constant(3.0), tf.constant(0)).graph
    choices = [operation for operation in graph.get_operations() if operation.type == "StatelessCase"]
    assert len(choices) == 2, "one forward, one of the gradient"
    assert {choice.get_attr("_lower_using_switch_merge") for choice in choices} == {batch_size == MANY}


@pytest.mark.parametrize(
    ("shape", "expected"), [([2, 8, 8, 4], True), ([MANY, 8, 8, 4], False), ([None, 8, 8, 4], False)]
)
def test_few_are_small_batches_of_known_shape_in_graphs_without_a_gpu(monkeypatch, shape, expected):
    def answer():
        answers = []
        ask = tf.function(lambda inputs: answers.append(are_few(inputs)), autograph=False)
        ask.get_concrete_function(tf.TensorSpec(shape))
        return answers

    assert answer() == [expected]
    monkeypatch.setattr("eoinas_tf.supernet.branch_choice.has_gpu", lambda: True)
    assert answer() == [False]


def test_outside_of_graphs_the_branch_is_simply_run():
    inputs = images(2)
    assert not are_few(inputs)
    assert run_one_of([lambda: inputs, lambda: -inputs], tf.constant(1), inputs)[0, 0, 0, 0] == -inputs[0, 0, 0, 0]
