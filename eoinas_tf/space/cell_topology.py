"""Nodes and edges of a searched cell: the one place that maps an edge to its index (paper, section 3.1).

Nodes 0 and 1 are the cell's inputs, nodes 2 to 5 the intermediate nodes, and the output
concatenates the intermediate nodes. Intermediate node i has an edge from each of the
i + 2 nodes before it: 2 + 3 + 4 + 5 = 14 edges.
"""

from typing import NamedTuple

CELL_TYPES = ("normal", "reduce")
INPUT_NODES = 2
INTERMEDIATE_NODES = 4


class Edge(NamedTuple):
    """A connection of a cell, from a node to a later intermediate node."""

    index: int  # type: ignore[assignment]
    from_node: int
    to_node: int


EDGES = tuple(
    Edge(index, from_node, to_node)
    for index, (to_node, from_node) in enumerate(
        (to_node, from_node)
        for to_node in range(INPUT_NODES, INPUT_NODES + INTERMEDIATE_NODES)
        for from_node in range(to_node)
    )
)
EDGE_COUNT = len(EDGES)


def incoming_edges(to_node: int) -> tuple[Edge, ...]:
    """Returns the edges that end at an intermediate node, ordered by the node they come from.

    Args:
        to_node: Intermediate node, counted with the inputs: 2 to 5.
    """
    return tuple(edge for edge in EDGES if edge.to_node == to_node)


def reduction_cell_positions(cells: int) -> tuple[int, ...]:
    """Returns the positions, counted from 0, of the reduction cells: a third and two thirds of the depth.

    Args:
        cells: Cells in the network.
    """
    return tuple(sorted({cells // 3, 2 * cells // 3}))


def cell_type_index(is_reduction: bool) -> int:
    """Returns the index of a cell's type in `CELL_TYPES`, the first axis of alpha and of the living mask."""
    return int(is_reduction)


def edge_stride(edge: Edge, is_reduction: bool) -> int:
    """Returns the stride of an edge's operations: 2 next to the inputs of a reduction cell, else 1."""
    return 2 if is_reduction and edge.from_node < INPUT_NODES else 1
