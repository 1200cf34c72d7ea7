"""From importances to a cell: the two strongest predecessors per node, each with its strongest operation (section 3.3).

Where the identity operations of the normal cell are limited, the weakest identity of the derived cell is ruled out on
its edge and the cell is derived again, until few enough are left.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from eoinas_tf.space.cell_topology import (
    CELL_TYPES,
    EDGE_COUNT,
    INPUT_NODES,
    INTERMEDIATE_NODES,
    Edge,
    incoming_edges,
)
from eoinas_tf.space.genotype import INPUTS_PER_NODE, CellEdges, Genotype
from eoinas_tf.space.operation_names import NONE, SKIP_CONNECT

ALL_INTERMEDIATE_NODES = tuple(range(INPUT_NODES, INPUT_NODES + INTERMEDIATE_NODES))


@dataclasses.dataclass(frozen=True)
class DerivedCells:
    """The result of a search.

    Args:
        genotype: The two cells.
        operation_index: The same cells in the super network's terms: the operation of each
            edge, int32 [cell types, edges], `none` on edges that were not kept.
        warnings: A sentence for each identity that was ruled out, and for each kept edge that had no living operation
            to take.
    """

    genotype: Genotype
    operation_index: np.ndarray
    warnings: tuple[str, ...]


class KeptEdge(NamedTuple):
    """An edge of a derived cell, the index of its operation, and whether that operation is still alive."""

    edge: Edge
    operation: int
    is_alive: bool


def derive_cells(
    importance: np.ndarray,
    living_operations: np.ndarray,
    drop_epochs: np.ndarray,
    operation_names: tuple[str, ...],
    source: str = "",
    max_skip_connections: int | None = None,
) -> DerivedCells:
    """Derives the cells from the importances.

    A node keeps its two strongest incoming edges; an edge is as strong as its most important living operation other
    than `none`. Edges on which only `none` lives rank last; a node that needs one nevertheless takes the operation that
    lived longest on it.

    Args:
        importance: I, float [cell types, edges, operations]; ignored where dropped.
        living_operations: bool of the same shape.
        drop_epochs: Epoch at whose end each operation was dropped, int of the same shape; 0: living.
        operation_names: Names of the operations.
        source: Text for the genotype's `source`.
        max_skip_connections: Most identity operations in the normal cell; None: no limit.

    Returns:
        The cells.
    """
    none = none_index(operation_names)
    operation_index = np.full((len(CELL_TYPES), EDGE_COUNT), none, np.int32)
    pairs_of_type: list[CellEdges] = []
    warnings: list[str] = []
    for cell_type, cell_name in enumerate(CELL_TYPES):
        limit = max_skip_connections if cell_name == "normal" else None
        evidence = importance[cell_type], living_operations[cell_type], drop_epochs[cell_type]
        kept, struck = _derive_limited_cell(*evidence, operation_names, limit)
        warnings += [
            f"{cell_name} cell: {SKIP_CONNECT} is struck off the edge from node {edge.from_node} to node "
            f"{edge.to_node} to leave no more than {limit}"
            for edge in struck
        ]
        for edge, operation, is_alive in kept:
            operation_index[cell_type, edge.index] = operation
            if not is_alive:
                what = "nothing" if edge in struck else "only `none`"
                last = drop_epochs[cell_type, edge.index]
                is_only = int((last == last[operation]).sum()) == 1
                warnings.append(
                    f"{cell_name} cell: {what} is left on the edge from node {edge.from_node} to node {edge.to_node}, "
                    f"which the node needs; it takes {operation_names[operation]}, "
                    f"{'which was dropped last' if is_only else 'the first in the list of those dropped last'}"
                )
        pairs_of_type.append(tuple((operation_names[operation], edge.from_node) for edge, operation, _ in kept))
    normal, reduce = pairs_of_type
    genotype = Genotype(normal, ALL_INTERMEDIATE_NODES, reduce, ALL_INTERMEDIATE_NODES, source)
    return DerivedCells(genotype, operation_index, tuple(warnings))


def none_index(operation_names: tuple[str, ...]) -> int:
    """Returns the index of `none`, or the number of candidates where `none` is not a candidate.

    Args:
        operation_names: Names of the candidate operations.
    """
    return operation_names.index(NONE) if NONE in operation_names else len(operation_names)


def _derive_limited_cell(
    importance: np.ndarray,
    living_operations: np.ndarray,
    drop_epochs: np.ndarray,
    operation_names: tuple[str, ...],
    max_skip_connections: int | None,
) -> tuple[list[KeptEdge], list[Edge]]:
    """Derives one cell, and derives it again without its weakest identity while it has too many.

    Args:
        importance: I, float [edges, operations].
        living_operations: bool of the same shape.
        drop_epochs: int of the same shape.
        operation_names: Names of the operations.
        max_skip_connections: Most identity operations; None: no limit.

    Returns:
        The cell's edges, and the edges on which the identity was ruled out, in that order.
    """
    skip = operation_names.index(SKIP_CONNECT) if SKIP_CONNECT in operation_names else -1
    eligible = np.ones_like(living_operations)
    eligible &= np.array([name != NONE for name in operation_names])
    struck: list[Edge] = []
    while True:
        kept = _derive_cell(importance, living_operations, drop_epochs, eligible, struck)
        skips = [kept_edge for kept_edge in kept if kept_edge.operation == skip]
        if max_skip_connections is None or len(skips) <= max_skip_connections:
            return kept, struck
        weakest = min(skips, key=lambda one: importance[one.edge.index, skip] if one.is_alive else -np.inf)
        struck.append(weakest.edge)
        eligible[weakest.edge.index, skip] = False


def _derive_cell(
    importance: np.ndarray,
    living_operations: np.ndarray,
    drop_epochs: np.ndarray,
    eligible: np.ndarray,
    struck: list[Edge],
) -> list[KeptEdge]:
    """Returns the two strongest edges of each node, considering only eligible operations."""
    scores = np.where(living_operations & eligible, importance, -np.inf)
    strengths = scores.max(axis=-1)
    kept = []
    for node in ALL_INTERMEDIATE_NODES:
        # Ties: the earlier edge wins; among edges without a candidate, one that lost an identity.
        edges = sorted(incoming_edges(node), key=lambda edge: (-strengths[edge.index], edge not in struck))
        for edge in edges[:INPUTS_PER_NODE]:
            is_alive = bool(strengths[edge.index] > -np.inf)
            # The most important living operation, or else the one dropped last; ties: the first.
            ranks = scores[edge.index] if is_alive else np.where(eligible[edge.index], drop_epochs[edge.index], -1)
            kept.append(KeptEdge(edge, int(np.argmax(ranks)), is_alive))
    return kept
