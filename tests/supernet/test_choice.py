import numpy as np
import tensorflow as tf

from eoinas_tf.supernet.choice import Mixed, OperationMixture, Sampled, SampledOperation, SkipDropout, edge_choices

CELL_TYPES = (0, 1, 0)


def test_cells_of_a_type_share_its_sample_and_its_gates():
    index = tf.constant(np.arange(28).reshape(2, 14), tf.int32)
    gates = tf.constant(np.arange(28).reshape(2, 14), tf.float32)
    by_cell = edge_choices(Sampled(index, gates), CELL_TYPES)
    for cell, cell_type in enumerate(CELL_TYPES):
        for edge, choice in enumerate(by_cell[cell]):
            assert isinstance(choice, SampledOperation)
            assert (int(choice.operation_index), float(choice.gate)) == (14 * cell_type + edge,) * 2
    assert {choice.gate for choices in edge_choices(Sampled(index), CELL_TYPES) for choice in choices} == {None}


def test_a_gate_s_gradient_is_the_sum_over_the_cells_of_its_type():
    gates = tf.ones([2, 14])
    with tf.GradientTape() as tape:
        tape.watch(gates)
        by_cell = edge_choices(Sampled(tf.zeros([2, 14], tf.int32), gates), CELL_TYPES)
        total = sum(10.0**cell * by_cell[cell][5].gate for cell in range(3))
    expected = np.zeros((2, 14))
    expected[:, 5] = 101, 10
    np.testing.assert_allclose(tape.gradient(total, gates), expected)


def test_cells_of_a_type_share_its_mixture():
    weights = np.random.default_rng(0).uniform(size=(2, 14, 8)).astype(np.float32)
    living = weights > 0.5
    by_cell = edge_choices(Mixed(tf.constant(weights), tf.constant(living)), CELL_TYPES)
    for cell, cell_type in enumerate(CELL_TYPES):
        for edge, choice in enumerate(by_cell[cell]):
            assert isinstance(choice, OperationMixture)
            np.testing.assert_array_equal(choice.weights, weights[cell_type, edge])
            np.testing.assert_array_equal(choice.living_operations, living[cell_type, edge])
            assert choice.skip_dropout is None


def test_each_edge_of_each_cell_drops_elements_of_its_own():
    dropout = SkipDropout(tf.constant(0.5), tf.constant([3, 7], tf.int64))
    mixed = Mixed(tf.ones([2, 14, 8]), tf.ones([2, 14, 8], tf.bool), dropout)
    seeds = {
        tuple(choice.skip_dropout.seed.numpy().tolist())
        for choices in edge_choices(mixed, CELL_TYPES)
        for choice in choices
    }
    assert len(seeds) == 3 * 14
