"""The found cell with the operation of one edge replaced by each candidate (paper, Figure 1)."""

import dataclasses
from collections.abc import Sequence

from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import NONE
from eoinas_tf.study.search_evidence import SearchEvidence


def candidate_labels(operations: Sequence[str]) -> tuple[str, ...]:
    """Returns the operations to insert: a final network has no edge without an operation.

    Args:
        operations: The candidate operations of the search.
    """
    return tuple(name for name in operations if name != NONE)


def candidate_cell(evidence: SearchEvidence, label: str, cell: str, pair: int) -> Genotype | None:
    """Returns the search's cells with one operation replaced.

    Args:
        evidence: The finished search.
        label: The operation to insert.
        cell: `normal` or `reduce`.
        pair: Position of the replaced (operation, node) pair, counted from 0.
    """
    found = evidence.genotype()
    pairs = list(getattr(found, cell))
    if pair >= len(pairs):
        return None
    pairs[pair] = (label, pairs[pair][1])
    source = f"{found.source}; {label} in pair {pair} of the {cell} cell"
    return dataclasses.replace(found, source=source, **{cell: tuple(pairs)})
