"""Uniformly drawn valid cells: two different predecessors per node, an operation other than `none` on each edge."""

import itertools
from collections.abc import Iterator

import numpy as np

from eoinas_tf.random_seeds import purpose_number
from eoinas_tf.search.discretization import ALL_INTERMEDIATE_NODES, DerivedCells, derive_cells, none_index
from eoinas_tf.search.search_method import Evidence
from eoinas_tf.space.cell_topology import CELL_TYPES, EDGE_COUNT, incoming_edges
from eoinas_tf.space.genotype import INPUTS_PER_NODE
from eoinas_tf.space.operation_names import SKIP_CONNECT

# A pair of edges and an operation for each of them, for each node of both cells.
DRAWS_PER_CELL = len(CELL_TYPES) * len(ALL_INTERMEDIATE_NODES) * (1 + INPUTS_PER_NODE)


def random_cells(
    seed: int, operation_names: tuple[str, ...], max_skip_connections: int | None = None
) -> Iterator[np.ndarray]:
    """Draws a normal and a reduction cell again and again, each pair independent of the others.

    Args:
        seed: The run's seed; the same seed gives the same cells.
        operation_names: Names of the operations.
        max_skip_connections: Most identity operations in the normal cell; a pair with more is drawn again, so that all
            allowed pairs stay equally likely. None: no limit.

    Yields:
        The operation of each edge, int32 [cell types, edges], `none` on edges that do not belong to the cell.
    """
    skip = operation_names.index(SKIP_CONNECT) if SKIP_CONNECT in operation_names else -1
    none = none_index(operation_names)
    for number in itertools.count():
        operation_index = _random_cell(seed, number, none, len(operation_names))
        skips = np.count_nonzero(operation_index[CELL_TYPES.index("normal")] == skip)
        if max_skip_connections is None or skips <= max_skip_connections:
            yield operation_index


def _random_cell(seed: int, number: int, none: int, operation_count: int) -> np.ndarray:
    # Raw words, which NumPy keeps the same across versions. The remainder of a 64-bit word favours none of a few
    # possibilities by more than 1e-18.
    sequence = np.random.SeedSequence([purpose_number(seed, "random cell"), number])
    words = iter(np.random.PCG64(sequence).random_raw(DRAWS_PER_CELL).tolist())
    candidates = [operation for operation in range(operation_count) if operation != none]
    operation_index = np.full((len(CELL_TYPES), EDGE_COUNT), none, np.int32)
    for cell in operation_index:
        for node in ALL_INTERMEDIATE_NODES:
            pairs = list(itertools.combinations(incoming_edges(node), INPUTS_PER_NODE))
            for edge in pairs[next(words) % len(pairs)]:
                cell[edge.index] = candidates[next(words) % len(candidates)]
    return operation_index


def drawn_cells(operation_index: np.ndarray, operation_names: tuple[str, ...], source: str) -> DerivedCells:
    """Returns the result of a search that found its cells by drawing them.

    Args:
        operation_index: A pair of cells from `random_cells`.
        operation_names: Names of the operations.
        source: Text for the genotype's `source`.
    """
    # Derived with an importance of 1 for the drawn operations and 0 for all others.
    drawn = (operation_index[..., np.newaxis] == np.arange(len(operation_names))).astype(np.float64)
    return derive_cells(drawn, np.ones(drawn.shape, bool), np.zeros(drawn.shape, np.int64), operation_names, source)


def uniform_evidence(living_operations: np.ndarray) -> Evidence:
    """Returns the evidence of a method that learns nothing: all living operations of an edge are equally likely.

    Args:
        living_operations: bool [cell types, edges, operations].
    """
    uniform = living_operations / living_operations.sum(axis=-1, keepdims=True)
    return Evidence({"probability": np.where(living_operations, uniform, np.nan)}, "probability", living_operations)
