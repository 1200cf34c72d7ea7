import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.space import operations
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.supernet.candidate_operations import CandidateOperations
from eoinas_tf.supernet.choice import OperationMixture, SampledOperation
from eoinas_tf.supernet.mixed_operation import MixedOperation, open_gate


@pytest.fixture
def executions(monkeypatch):
    """Counts, by operation name, how often its layer is computed (not how often it is traced)."""
    counter = collections.Counter()

    def counted(name, build):
        def build_counted(**arguments):
            layer = build(**arguments)
            call = layer.call

            def call_and_count(inputs, training=None):
                def count(images):
                    counter[name] += 1
                    return images

                return call(tf.ensure_shape(tf.numpy_function(count, [inputs], tf.float32), inputs.shape))

            layer.call = call_and_count
            return layer

        return build_counted

    for name, build in dict(operations.OPERATIONS).items():
        monkeypatch.setitem(operations.OPERATIONS, name, counted(name, build))
    return counter


def images(channels=4):
    return tf.constant(np.random.default_rng(0).normal(size=(2, 8, 8, channels)).astype(np.float32))


@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "in a graph"])
@pytest.mark.parametrize("gated", [False, True], ids=["weight step", "architecture step"])
def test_only_the_sampled_operation_runs(executions, in_graph, gated):
    edge = MixedOperation(channels=4, stride=1)
    inputs = images()
    gate = tf.constant(1.0) if gated else None

    def step(index):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            objective = tf.reduce_sum(edge(inputs, SampledOperation(index, gate), train_weights=not gated) ** 2)
        return tape.gradient(objective, inputs)

    run = tf.function(step) if in_graph else step
    for index, name in enumerate(OPERATION_NAMES):
        executions.clear()
        run(tf.constant(index))
        assert executions == {name: 1}


def test_edges_that_share_candidates_share_traces_but_not_weights():
    candidates = CandidateOperations(4, 1)
    first = MixedOperation(4, 1, candidates=candidates)
    second = MixedOperation(4, 1, candidates=candidates)
    index = tf.constant(OPERATION_NAMES.index("sep_conv_3x3"))
    first_outputs = first(images(), SampledOperation(index))
    traces = candidates.trace_count()
    second_outputs = second(images(), SampledOperation(index))
    assert candidates.trace_count() == traces
    assert np.abs(first_outputs - second_outputs).max() > 0.1


def test_the_gate_changes_no_value_and_gets_the_inner_product_as_gradient():
    edge = MixedOperation(channels=4, stride=1)
    inputs, index, gate = images(), tf.constant(4), tf.constant(1.0)
    upstream = tf.constant(np.random.default_rng(2).normal(size=(2, 8, 8, 4)).astype(np.float32))
    plain = edge(inputs, SampledOperation(index))
    with tf.GradientTape() as tape:
        tape.watch([gate, inputs])
        outputs = edge(inputs, SampledOperation(index, gate))
        objective = tf.reduce_sum(outputs * upstream)
    gate_gradient, input_gradient = tape.gradient(objective, [gate, inputs])
    np.testing.assert_array_equal(outputs, plain)
    assert gate_gradient.numpy() == pytest.approx(np.sum(plain * upstream), rel=1e-4)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        objective = tf.reduce_sum(edge(inputs, SampledOperation(index)) * upstream)
    np.testing.assert_allclose(input_gradient, tape.gradient(objective, inputs), atol=1e-5)


@pytest.mark.parametrize("gate", [None, 1.0])
@pytest.mark.parametrize("train_weights", [True, False])
def test_whether_weights_have_a_gradient_is_an_argument_of_its_own(gate, train_weights):
    edge = MixedOperation(channels=4, stride=1)
    choice = SampledOperation(tf.constant(2), None if gate is None else tf.constant(gate))
    with tf.GradientTape() as tape:
        objective = tf.reduce_sum(edge(images(), choice, train_weights=train_weights) ** 3)
    gradient = tape.gradient(objective, edge.operation_weights.value)
    assert np.any(gradient) if train_weights else gradient is None


@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "in a graph"])
def test_a_mixture_runs_all_that_live_and_nothing_else(executions, in_graph):
    edge = MixedOperation(channels=4, stride=1)
    run = tf.function(edge) if in_graph else edge
    living = np.array([True, True, True, False, False, True, True, False])
    run(images(), OperationMixture(tf.fill([8], 0.125), tf.constant(living)))
    # `none` has nothing to run.
    lively = [name for name, lives in zip(OPERATION_NAMES, living, strict=True) if lives and name != "none"]
    assert executions == dict.fromkeys(lively, 1)


def test_open_gate_equals_a_multiplication_by_one():
    outputs, gate = images(), tf.constant(1.0)
    upstream = images() + 2.0
    gradients = []
    for multiply in (open_gate, lambda outputs, gate: outputs * gate):
        with tf.GradientTape() as tape:
            tape.watch([outputs, gate])
            objective = tf.reduce_sum(multiply(outputs, gate) * upstream)
        gradients.append(tape.gradient(objective, [outputs, gate]))
    for ours, multiplication in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, multiplication, rtol=1e-5)


def test_config_round_trip_and_output_shape():
    edge = MixedOperation(4, 2, ("none", "skip_connect", "max_pool_3x3"), name="an_edge")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(edge))
    assert copy.get_config() == edge.get_config()
    assert copy.operation_names == ("none", "skip_connect", "max_pool_3x3")
    assert edge.compute_output_shape((None, 7, 8, 4)) == (None, 4, 4, 4)
    assert edge(images(), SampledOperation(tf.constant(2))).shape == (2, 4, 4, 4)
