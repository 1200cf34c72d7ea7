import pytest

from eoinas_tf.space.cell_topology import (
    CELL_TYPES,
    EDGE_COUNT,
    EDGES,
    cell_type_index,
    edge_stride,
    incoming_edges,
    reduction_cell_positions,
)

# Edge by edge as in the paper's figure: every intermediate node reads all nodes before it.
FROM_NODES = (0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4)
TO_NODES = (2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5)


def test_a_cell_has_fourteen_edges_in_the_order_of_their_nodes():
    assert EDGE_COUNT == len(EDGES) == 14
    assert tuple(edge.index for edge in EDGES) == tuple(range(14))
    assert tuple(edge.from_node for edge in EDGES) == FROM_NODES
    assert tuple(edge.to_node for edge in EDGES) == TO_NODES


@pytest.mark.parametrize(
    ("node", "indices"), [(2, (0, 1)), (3, (2, 3, 4)), (4, (5, 6, 7, 8)), (5, (9, 10, 11, 12, 13))]
)
def test_incoming_edges_come_from_every_earlier_node(node, indices):
    edges = incoming_edges(node)
    assert tuple(edge.index for edge in edges) == indices
    assert tuple(edge.from_node for edge in edges) == tuple(range(node))
    assert {edge.to_node for edge in edges} == {node}


@pytest.mark.parametrize("node", [0, 1, 6])
def test_inputs_and_output_have_no_incoming_edges(node):
    assert incoming_edges(node) == ()


@pytest.mark.parametrize(("cells", "positions"), [(3, (1, 2)), (8, (2, 5)), (14, (4, 9)), (20, (6, 13)), (5, (1, 3))])
def test_reduction_cells_lie_at_a_third_and_two_thirds(cells, positions):
    assert reduction_cell_positions(cells) == positions


def test_only_edges_from_a_reduction_cells_inputs_have_stride_2():
    assert [edge_stride(edge, is_reduction=False) for edge in EDGES] == [1] * 14
    assert [edge_stride(edge, is_reduction=True) for edge in EDGES] == [2, 2, 2, 2, 1, 2, 2, 1, 1, 2, 2, 1, 1, 1]


def test_cell_types_are_numbered_normal_first():
    assert CELL_TYPES == ("normal", "reduce")
    assert cell_type_index(False) == 0
    assert cell_type_index(True) == 1
