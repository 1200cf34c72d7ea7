import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.kernels.kernel_policy import MIN_ELEMENTS_TO_INLINE_BRANCHES
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.space.operations import build_operation
from eoinas_tf.supernet.candidate_operations import CandidateOperations

CHANNELS = 4
SIDE = 8
# A batch with this many images is not small.
MANY = MIN_ELEMENTS_TO_INLINE_BRANCHES // (SIDE * SIDE * CHANNELS)


@pytest.fixture(scope="module", params=[1, 2], ids=["stride 1", "stride 2"])
def candidates(request):
    return CandidateOperations(CHANNELS, request.param)


def images(batch_size=3):
    return tf.constant(np.random.default_rng(0).normal(size=(batch_size, SIDE, SIDE, CHANNELS)).astype(np.float32))


@pytest.mark.parametrize("operation", range(8), ids=OPERATION_NAMES)
def test_values_and_gradients_are_those_of_the_operation_s_own_layer(candidates, operation):
    weights = candidates.initial_weights()
    layer = build_operation(OPERATION_NAMES[operation], CHANNELS, candidates.stride, affine=False)
    layer.build((None, None, None, CHANNELS))
    own = candidates.operation_weights(weights, operation)
    for variable, value in zip(layer.trainable_variables, own, strict=True):
        variable.assign(value)
    inputs = images()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([inputs, weights])
        outputs = candidates(inputs, weights, tf.constant(operation))
        expected = layer(inputs)
        upstream = tf.constant(np.random.default_rng(1).normal(size=outputs.shape).astype(np.float32))
        objective, expected_objective = tf.reduce_sum(outputs * upstream), tf.reduce_sum(expected * upstream)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    zero = tf.UnconnectedGradients.ZERO
    np.testing.assert_allclose(
        tape.gradient(objective, inputs),
        tape.gradient(expected_objective, inputs, unconnected_gradients=zero),
        atol=1e-4,
    )
    weight_gradient = tape.gradient(objective, weights)
    expected_gradients = tape.gradient(expected_objective, [variable.value for variable in layer.trainable_variables])
    for gradient, expected_gradient in zip(
        candidates.operation_weights(weight_gradient, operation), expected_gradients, strict=True
    ):
        np.testing.assert_allclose(gradient, expected_gradient, atol=2e-4)
    # Weights of the operations that did not run get no gradient.
    others = [other for other in range(8) if other != operation]
    assert not any(np.any(part) for other in others for part in candidates.operation_weights(weight_gradient, other))


def test_the_weight_vector_holds_every_kernel_once(candidates):
    vector = tf.range(candidates.weight_count, dtype=tf.float32)
    parts = [
        tf.reshape(part, [-1]) for operation in range(8) for part in candidates.operation_weights(vector, operation)
    ]
    np.testing.assert_array_equal(tf.concat(parts, 0), vector)


def test_initial_weights_are_uniform_within_their_fan_in(candidates):
    separable = OPERATION_NAMES.index("sep_conv_5x5")
    draws = [candidates.operation_weights(candidates.initial_weights(), separable) for _ in range(50)]
    for position, limit in enumerate([1 / 5, 1 / CHANNELS**0.5, 1 / 5, 1 / CHANNELS**0.5]):
        values = np.concatenate([np.ravel(draw[position]) for draw in draws])
        assert np.abs(values).max() <= limit
        assert np.abs(values).max() > 0.97 * limit
        assert np.std(values) == pytest.approx(limit / 3**0.5, rel=0.05)
        assert len(np.unique(values)) > 0.9 * values.size


def test_two_edges_start_from_different_weights(candidates):
    assert np.any(candidates.initial_weights() != candidates.initial_weights())


def test_frozen_weights_get_no_gradient_but_inputs_do(candidates):
    weights, inputs = candidates.initial_weights(), images()
    with tf.GradientTape() as tape:
        tape.watch([inputs, weights])
        outputs = candidates(inputs, weights, tf.constant(2), train_weights=False)
        objective = tf.reduce_sum(outputs**3)
    weight_gradient, input_gradient = tape.gradient(objective, [weights, inputs])
    assert weight_gradient is None
    assert np.any(input_gradient)


@pytest.mark.parametrize("train_weights", [True, False])
def test_frozen_weights_gradients_are_not_even_computed_for_many_images(candidates, train_weights):
    """Walks from the results of each branch's gradient back to their inputs."""

    @tf.function(autograph=False)
    def input_gradient(inputs, weights, index):
        with tf.GradientTape() as tape:
            tape.watch([inputs, weights])
            outputs = candidates(inputs, weights, index, train_weights=train_weights)
        return tape.gradient(outputs, inputs)

    arguments = images(MANY), candidates.initial_weights(), tf.constant(2)
    functions = input_gradient.get_concrete_function(*arguments).graph.as_graph_def().library.function
    made = set()
    for function in functions:
        if "_grad_" in function.signature.name:
            nodes = {node.name: node for node in function.node_def}
            names = [output.split(":")[0] for output in function.ret.values()]
            while names:
                node = nodes.pop(names.pop(), None)
                if node is not None:
                    made.add(node.op)
                    names += [name.split(":")[0].removeprefix("^") for name in node.input]
    assert "DepthwiseConv2dNativeBackpropInput" in made
    assert ("DepthwiseConv2dNativeBackpropFilter" in made) == train_weights


@pytest.mark.parametrize(("batch_size", "traces"), [(3, 1), (MANY, 2)])
def test_few_images_have_one_trace_for_both_kinds_of_steps(batch_size, traces):
    candidates = CandidateOperations(CHANNELS, 1)
    weights = candidates.initial_weights()

    @tf.function(autograph=False)
    def both_steps(inputs, index):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([inputs, weights])
            trained, frozen = (candidates(inputs, weights, index, train_weights=train) for train in (True, False))
        assert tape.gradient(frozen, weights) is None
        return [trained, frozen], [tape.gradient(outputs, inputs) for outputs in (trained, frozen)]

    (trained, frozen), gradients = both_steps(images(batch_size), tf.constant(2))
    np.testing.assert_array_equal(trained, frozen)
    np.testing.assert_array_equal(*gradients)
    assert candidates.trace_count() == traces


def test_one_trace_serves_all_choices_and_all_edges(candidates):
    inputs = images()
    candidates(inputs, candidates.initial_weights(), tf.constant(0))
    before = candidates.trace_count()
    for operation in range(8):
        candidates(inputs, candidates.initial_weights(), tf.constant(operation))
    assert candidates.trace_count() == before


def test_the_static_output_shape_is_known(candidates):
    @tf.function
    def traced(inputs, index):
        outputs = candidates(inputs, candidates.initial_weights(), index)
        assert outputs.shape == (3, SIDE // candidates.stride, SIDE // candidates.stride, CHANNELS)
        return outputs

    traced(images(), tf.constant(1))
