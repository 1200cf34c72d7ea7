"""From importances to a cell: two strongest predecessors a node, the strongest operation on each (section 3.3)."""

import dataclasses

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
from eoinas_tf.space.operation_names import NONE

ALL_INTERMEDIATE_NODES = tuple(range(INPUT_NODES, INPUT_NODES + INTERMEDIATE_NODES))


@dataclasses.dataclass(frozen=True)
class DerivedCells:
    """What a search ends in.

    Args:
        genotype: The two cells.
        operation_index: The same cells in the super network's terms: the operation of each
            edge, int32 [cell types, edges], `none` on edges that were not kept.
        warnings: A sentence for each kept edge whose only survivor was `none`.
    """

    genotype: Genotype
    operation_index: np.ndarray
    warnings: tuple[str, ...]


def derive_cells(
    importance: np.ndarray,
    living_operations: np.ndarray,
    drop_epochs: np.ndarray,
    operation_names: tuple[str, ...],
    source: str = "",
) -> DerivedCells:
    """Derives the cells from the importances.

    A node keeps its two strongest incoming edges; an edge is as strong as its most important
    living operation other than `none`. An edge on which only `none` lives ranks behind every
    other; where a node needs it all the same, it takes the operation that lived longest.

    Args:
        importance: I, float [cell types, edges, operations]; ignored where dropped.
        living_operations: bool of the same shape.
        drop_epochs: Epoch at whose end each operation was dropped, int of the same shape; 0: living.
        operation_names: Names of the operations.
        source: Text for the genotype's `source`.

    Returns:
        The cells.
    """
    none = operation_names.index(NONE)
    usable = living_operations & (np.arange(len(operation_names)) != none)
    operation_index = np.full((len(CELL_TYPES), EDGE_COUNT), none, np.int32)
    pairs_of_type: list[CellEdges] = []
    warnings: list[str] = []
    for cell_type, cell_name in enumerate(CELL_TYPES):
        scores = np.where(usable[cell_type], importance[cell_type], -np.inf)
        pairs: list[tuple[str, int]] = []
        for node in ALL_INTERMEDIATE_NODES:
            for edge in _strongest_edges(node, scores.max(axis=-1)):
                if usable[cell_type, edge.index].any():
                    operation = int(np.argmax(scores[edge.index]))
                else:
                    operation = _longest_lived(drop_epochs[cell_type, edge.index], none)
                    warnings.append(
                        f"{cell_name} cell: only `none` is left on the edge from node {edge.from_node} to node {node}, "
                        f"which the node needs; it takes {operation_names[operation]}, which lived longest"
                    )
                operation_index[cell_type, edge.index] = operation
                pairs.append((operation_names[operation], edge.from_node))
        pairs_of_type.append(tuple(pairs))
    normal, reduce = pairs_of_type
    genotype = Genotype(normal, ALL_INTERMEDIATE_NODES, reduce, ALL_INTERMEDIATE_NODES, source)
    return DerivedCells(genotype, operation_index, tuple(warnings))


def _strongest_edges(node: int, strengths: np.ndarray) -> list[Edge]:
    """Returns the node's two strongest incoming edges, the strongest first; of equal ones the earlier."""
    return sorted(incoming_edges(node), key=lambda edge: -strengths[edge.index])[:INPUTS_PER_NODE]


def _longest_lived(drop_epochs: np.ndarray, none: int) -> int:
    """Returns the operation other than `none` that was dropped last; of equal ones the first."""
    return int(np.argmax(np.where(np.arange(len(drop_epochs)) == none, -1, drop_epochs)))
