import functools

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.space.cell_topology import EDGES
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.supernet.candidate_operations import CandidateOperations
from eoinas_tf.supernet.choice import SampledOperation
from eoinas_tf.supernet.search_cell import SearchCell

SKIP, NONE, AVERAGE = (OPERATION_NAMES.index(name) for name in ("skip_connect", "none", "avg_pool_3x3"))


@functools.cache
def shared_candidates(channels, stride):
    return CandidateOperations(channels, stride)


def built_cell(is_reduction=False, follows_reduction=False):
    cell = SearchCell(4, is_reduction, follows_reduction, shared_candidates)
    cell.build((None, None, None, 6), (None, None, None, 5))
    return cell


def random_images(side, channels, seed):
    return tf.constant(np.random.default_rng(seed).normal(size=(2, side, side, channels)).astype(np.float32))


def choices(gates=None, **named):
    """Returns what each edge runs: the operation given for it, as in `e0_2=SKIP`, otherwise none."""
    return [
        SampledOperation(
            tf.constant(named.get(f"e{edge.from_node}_{edge.to_node}", NONE)),
            None if gates is None else gates[edge.index],
        )
        for edge in EDGES
    ]


def test_nodes_are_sums_of_their_edges():
    cell = built_cell()
    before_previous, previous = random_images(8, 6, 0), random_images(8, 5, 1)
    first, second = cell.fit_before_previous(before_previous), cell.fit_previous(previous)
    outputs = cell(
        before_previous, previous, choices(e0_2=SKIP, e1_2=SKIP, e2_3=SKIP, e1_3=SKIP, e3_4=SKIP, e0_5=SKIP, e4_5=SKIP)
    )
    node_2 = first + second
    node_3 = node_2 + second
    node_4 = node_3
    node_5 = first + node_4
    for found, expected in zip(outputs, [node_2, node_3, node_4, node_5], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_unused_nodes_are_zero():
    outputs = built_cell()(random_images(8, 6, 0), random_images(8, 5, 1), choices(e0_2=SKIP))
    assert [bool(np.any(node)) for node in outputs] == [True, False, False, False]


@pytest.mark.parametrize("is_reduction", [False, True])
@pytest.mark.parametrize("follows_reduction", [False, True])
def test_sizes_odd_ones_too(is_reduction, follows_reduction):
    cell = built_cell(is_reduction, follows_reduction)
    outputs = cell(random_images(13 if follows_reduction else 7, 6, 0), random_images(7, 5, 1), choices(e0_2=AVERAGE))
    side = 4 if is_reduction else 7
    assert [node.shape for node in outputs] == [(2, side, side, 4)] * 4


def test_only_edges_next_to_the_inputs_of_a_reduction_cell_have_stride_2():
    strides = {edge.name: edge.stride for edge in built_cell(is_reduction=True).edges}
    assert {name for name, stride in strides.items() if stride == 2} == {
        f"edge_{source}_{node}" for source in (0, 1) for node in (2, 3, 4, 5)
    }
    assert {edge.stride for edge in built_cell().edges} == {1}


def test_each_gate_gets_its_own_edge_s_gradient():
    cell = built_cell()
    gates = [tf.constant(1.0) for _ in EDGES]
    with tf.GradientTape() as tape:
        tape.watch(gates)
        outputs = cell(random_images(8, 6, 0), random_images(8, 5, 1), choices(gates, e0_2=SKIP, e2_3=AVERAGE))
        objective = tf.reduce_sum(tf.stack(outputs) ** 3)
    gradients = {
        (edge.from_node, edge.to_node): value
        for edge, value in zip(EDGES, tape.gradient(objective, gates), strict=True)
    }
    assert {edge for edge, value in gradients.items() if value != 0} == {(0, 2), (2, 3)}
