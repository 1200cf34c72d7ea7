import numpy as np
import pytest
import tensorflow as tf
from kernel_checks import compiled_function_count, values_and_gradients

from eoinas_tf.kernels.ordered_sums import fan_out, ordered_sum, without_gradients

# In float32, (1e8 + -1e8) + 1 = 1 but 1e8 + (-1e8 + 1) = 0: the order is visible.
TERMS = [tf.constant([1e8]), tf.constant([-1e8]), tf.constant([1.0])]


@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "in a graph"])
def test_terms_are_added_in_their_order(in_graph):
    add = tf.function(ordered_sum) if in_graph else ordered_sum
    assert add(TERMS).numpy() == [1.0]
    assert add([TERMS[0], TERMS[2], TERMS[1]]).numpy() == [0.0]


@pytest.mark.usefixtures("any_size")
def test_a_compiled_sum_keeps_the_order():
    """In another order these values would be lost in the large one."""
    terms = [tf.constant([value], tf.float32) for value in (1e8, -1e8, 1.0, 0.5)]
    assert compiled_function_count(lambda first: ordered_sum([first, *terms[1:]]), 1) == 1
    total, *gradients = values_and_gradients(lambda *tensors: ordered_sum(tensors), *terms)
    assert total == [1.5]
    assert len({float(gradient[0]) for gradient in gradients}) == 1
    assert values_and_gradients(lambda *tensors: ordered_sum(tensors), *terms[2:], *terms[:2])[0] == [0.0]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_value_and_gradient_are_those_of_a_sum(count):
    generator = np.random.default_rng(count)
    tensors = [tf.constant(generator.normal(size=(2, 3)).astype(np.float32)) for _ in range(count)]
    upstream = generator.normal(size=(2, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = ordered_sum(tensors)
        objective = tf.reduce_sum(total * upstream)
    np.testing.assert_allclose(total, sum(tensor.numpy() for tensor in tensors), rtol=1e-5)
    for gradient in tape.gradient(objective, tensors):
        np.testing.assert_array_equal(gradient, upstream)


def test_the_readers_gradients_are_added_in_their_order():
    original = tf.constant([2.0])
    with tf.GradientTape() as tape:
        tape.watch(original)
        copies = fan_out(original, 3)
        objective = tf.reduce_sum(tf.add_n([copy * term for copy, term in zip(copies, TERMS, strict=True)]))
    assert [copy.numpy().tolist() for copy in copies] == [[2.0]] * 3
    assert tape.gradient(objective, original).numpy() == [1.0]


def test_no_node_of_three_terms_is_left_to_add_n():
    @tf.function
    def gradient(original):
        with tf.GradientTape() as tape:
            tape.watch(original)
            copies = fan_out(original, 4)
            objective = tf.reduce_sum(ordered_sum([copy**2 for copy in copies]))
        return tape.gradient(objective, original)

    operations = gradient.get_concrete_function(tf.constant([1.0])).graph.get_operations()
    assert not [operation for operation in operations if operation.type == "AddN" and len(operation.inputs) > 2]
    assert gradient(tf.constant([3.0])).numpy() == [24.0]


def test_where_no_gradient_is_asked_for_they_are_plain_operations_of_the_same_values():
    terms = [tf.random.stateless_normal([3, 4], [number, 0]) for number in range(5)]

    def graph(first):
        return [ordered_sum([first, *terms[1:]]), *fan_out(first, 4)]

    def custom_gradients(function):
        operations = function.get_concrete_function(terms[0]).graph.get_operations()
        return [operation.name for operation in operations if operation.type == "IdentityN"]

    with without_gradients():
        plain = tf.function(graph, autograph=False)
        assert custom_gradients(plain) == []
        values = plain(terms[0])
    ordered = tf.function(graph, autograph=False)
    assert len(custom_gradients(ordered)) == 2
    for value, expected in zip(values, ordered(terms[0]), strict=True):
        np.testing.assert_array_equal(value, expected)
