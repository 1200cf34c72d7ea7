"""The weighted sum of an edge's operations: `CandidateOperations.mix`."""

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.kernels.kernel_policy import MIN_ELEMENTS_TO_INLINE_BRANCHES
from eoinas_tf.space.operation_names import NONE, OPERATION_NAMES, SKIP_CONNECT
from eoinas_tf.space.operations import build_operation
from eoinas_tf.supernet.candidate_operations import CandidateOperations, drop_elements
from eoinas_tf.supernet.choice import OperationMixture, SkipDropout
from eoinas_tf.supernet.mixed_operation import MixedOperation

CHANNELS = 4
SIDE = 8
# A batch with this many images is not small.
MANY = MIN_ELEMENTS_TO_INLINE_BRANCHES // (SIDE * SIDE * CHANNELS)
FEW_NAMES = (NONE, SKIP_CONNECT, "sep_conv_3x3", "max_pool_3x3")
SKIP = OPERATION_NAMES.index(SKIP_CONNECT)


@pytest.fixture(scope="module", params=[1, 2], ids=["stride 1", "stride 2"])
def candidates(request):
    return CandidateOperations(CHANNELS, request.param)


def images(batch_size=3):
    return tf.constant(np.random.default_rng(0).normal(size=(batch_size, SIDE, SIDE, CHANNELS)).astype(np.float32))


def mixture(operations=8, dropped=(), **settings):
    """Weights that sum to 1 over the living operations, all different."""
    living = np.array([operation not in dropped for operation in range(operations)])
    weights = np.where(living, np.arange(1, operations + 1), 0.0)
    return OperationMixture(tf.constant(weights / weights.sum(), tf.float32), tf.constant(living), **settings)


def own_outputs(candidates, inputs, weights, operation):
    """The result of an operation's own layer for the inputs."""
    layer = build_operation(candidates.operation_names[operation], CHANNELS, candidates.stride, affine=False)
    layer.build((None, None, None, CHANNELS))
    outputs, _ = layer.stateless_call(candidates.operation_weights(weights, operation), [], inputs)
    return outputs


@pytest.mark.parametrize("dropped", [(), (2, 6)], ids=["all", "two dropped"])
@pytest.mark.parametrize("train_weights", [True, False])
def test_it_is_the_sum_of_the_operations_times_their_weights_and_so_are_its_gradients(
    candidates, dropped, train_weights
):
    inputs, weights, mixed = images(), candidates.initial_weights(), mixture(dropped=dropped)
    living = [operation for operation in range(8) if operation not in dropped]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([inputs, weights, mixed.weights])
        outputs = candidates.mix(inputs, weights, mixed, train_weights)
        expected = sum(mixed.weights[each] * own_outputs(candidates, inputs, weights, each) for each in living)
        upstream = tf.constant(np.random.default_rng(1).normal(size=outputs.shape).astype(np.float32))
        objective, expected_objective = tf.reduce_sum(outputs * upstream), tf.reduce_sum(expected * upstream)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    sources = [inputs, mixed.weights, *([weights] if train_weights else [])]
    for gradient, expected_gradient in zip(
        tape.gradient(objective, sources), tape.gradient(expected_objective, sources), strict=True
    ):
        np.testing.assert_allclose(gradient, expected_gradient, atol=3e-4)
    if not train_weights:
        assert tape.gradient(objective, weights) is None


def test_a_dropped_operation_gets_no_gradient_even_where_its_weights_are_not_numbers(candidates):
    dropped = OPERATION_NAMES.index("sep_conv_5x5")
    weights = candidates.initial_weights().numpy()
    start, end = candidates._offsets[dropped : dropped + 2]
    weights[start:end] = np.nan
    weights, mixed = tf.constant(weights), mixture(dropped=[dropped])
    with tf.GradientTape() as tape:
        tape.watch([weights, mixed.weights])
        objective = tf.reduce_sum(candidates.mix(images(), weights, mixed) ** 3)
    weight_gradient, factor_gradient = tape.gradient(objective, [weights, mixed.weights])
    assert np.isfinite(objective)
    assert not np.any(weight_gradient[start:end])
    assert factor_gradient[dropped] == 0
    others = [name != NONE and each != dropped for each, name in enumerate(OPERATION_NAMES)]
    np.testing.assert_array_equal(np.asarray(factor_gradient) != 0, others)
    assert np.all(np.isfinite(weight_gradient))


def test_only_living_operations_run_and_none_never_does(monkeypatch):
    ran = []
    outputs_of = CandidateOperations._outputs

    def recorded(self, operation, inputs, kernels):
        with tf.control_dependencies([tf.py_function(lambda: ran.append(operation), [], [])]):
            return outputs_of(self, operation, tf.identity(inputs), kernels)

    monkeypatch.setattr(CandidateOperations, "_outputs", recorded)
    candidates = CandidateOperations(CHANNELS, 1, FEW_NAMES)
    for dropped, living in [((), [1, 2, 3]), ((1, 3), [2]), ((1, 2, 3), [])]:
        ran.clear()
        outputs = candidates.mix(images(), candidates.initial_weights(), mixture(4, dropped))
        assert sorted(ran) == living
    # The last edge had only `none`.
    assert not np.any(outputs)


def test_one_trace_serves_all_edges_and_all_masks():
    candidates = CandidateOperations(CHANNELS, 1, FEW_NAMES)
    edges = [MixedOperation(CHANNELS, 1, FEW_NAMES, candidates) for _ in range(3)]
    for edge in edges:
        edge.build((None, None, None, CHANNELS))

    @tf.function(autograph=False)
    def all_edges(inputs, mixed):
        return [edge(inputs, mixed) for edge in edges]

    outputs = [all_edges(images(), mixture(4, dropped)) for dropped in [(), (1,), (0, 2), (0, 1, 2)]]
    assert candidates.trace_count() == 1
    assert all_edges.experimental_get_tracing_count() == 1
    assert np.any(outputs[0][0] != outputs[0][1])
    assert np.any(outputs[0][0] != outputs[1][0])


@pytest.mark.parametrize(("batch_size", "traces"), [(3, 1), (MANY, 2)])
def test_few_images_have_one_trace_for_both_kinds_of_steps(batch_size, traces):
    candidates = CandidateOperations(CHANNELS, 1, FEW_NAMES)
    weights = candidates.initial_weights()

    @tf.function(autograph=False)
    def both_steps(inputs, mixed):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([inputs, weights])
            trained, frozen = (candidates.mix(inputs, weights, mixed, train) for train in (True, False))
        assert tape.gradient(frozen, weights) is None
        return [trained, frozen], [tape.gradient(outputs, inputs) for outputs in (trained, frozen)]

    (trained, frozen), gradients = both_steps(images(batch_size), mixture(4))
    np.testing.assert_allclose(trained, frozen, atol=1e-6)
    np.testing.assert_allclose(*gradients, atol=1e-5)
    assert candidates.trace_count() == traces


@pytest.mark.parametrize("train_weights", [True, False])
def test_frozen_weights_gradients_are_not_even_computed_for_many_images(train_weights):
    candidates = CandidateOperations(CHANNELS, 1, FEW_NAMES)

    @tf.function(autograph=False)
    def input_gradient(inputs, weights, mixed):
        with tf.GradientTape() as tape:
            tape.watch([inputs, weights])
            outputs = candidates.mix(inputs, weights, mixed, train_weights)
        return tape.gradient(outputs, inputs)

    arguments = images(MANY), candidates.initial_weights(), mixture(4)
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


def test_the_static_output_shape_is_known(candidates):
    side = SIDE // candidates.stride

    @tf.function(autograph=False)
    def traced(inputs):
        outputs = candidates.mix(inputs, candidates.initial_weights(), mixture())
        assert outputs.shape == (3, side, side, CHANNELS)
        return outputs

    traced.get_concrete_function(images())


def test_dropout_sets_elements_of_identities_to_zero_at_its_rate_and_keeps_their_mean():
    candidates, rate = CandidateOperations(CHANNELS, 1), 0.3
    inputs, weights = tf.abs(images(40)) + 1.0, candidates.initial_weights()
    only_skip = mixture(dropped=[operation for operation in range(8) if operation != SKIP])

    def dropped(seed):
        dropout = SkipDropout(tf.constant(rate), tf.constant([3, seed], tf.int64))
        return candidates.mix(inputs, weights, only_skip._replace(skip_dropout=dropout)).numpy()

    outputs = dropped(0)
    is_zero = outputs == 0
    # Four standard deviations of a fraction of 10,240 independent draws.
    assert is_zero.mean() == pytest.approx(rate, abs=4 * (rate * (1 - rate) / outputs.size) ** 0.5)
    np.testing.assert_allclose(outputs[~is_zero], inputs[~is_zero] / (1 - rate), rtol=1e-6)
    np.testing.assert_array_equal(dropped(0), outputs)
    # Another seed drops other elements: both are 0 as often as independent draws are.
    assert (is_zero & (dropped(1) == 0)).mean() == pytest.approx(rate**2, abs=0.012)


def test_dropout_spares_all_but_identities(candidates):
    dropout = SkipDropout(tf.constant(0.9), tf.constant([3, 0], tf.int64))
    is_identity = candidates.stride == 1
    mixed = mixture(dropped=[SKIP] if is_identity else [])
    weights = candidates.initial_weights()
    np.testing.assert_array_equal(
        candidates.mix(images(), weights, mixed._replace(skip_dropout=dropout)),
        candidates.mix(images(), weights, mixed),
    )


def test_dropout_at_rate_zero_changes_nothing():
    values = images()
    np.testing.assert_array_equal(
        drop_elements(values, SkipDropout(tf.constant(0.0), tf.constant([3, 0], tf.int64))), values
    )
