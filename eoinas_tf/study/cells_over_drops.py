"""The cells with which a search would have ended, had it ended with one of its drops."""

from collections.abc import Sequence

import numpy as np

from eoinas_tf.config import LAST_DECISION
from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.study.search_evidence import Record, SearchEvidence


def drop_labels(operations: Sequence[str]) -> tuple[str, ...]:
    """Returns the numbers of drops after which a cell is derived; 0 is the first decision, before all drops.

    Args:
        operations: The candidate operations of the search, of which each edge loses all but one.
    """
    return tuple(str(count) for count in range(len(operations)))


def cell_after_drops(evidence: SearchEvidence, label: str, cell: str = "", pair: int = 0) -> Genotype | None:
    """Derives the cells from the scores after a drop; after the last one, these are the cells that the search found.

    Args:
        evidence: The finished search.
        label: Number of drops made; 0: the scores at the first decision, before anything is dropped.
        cell: Not used.
        pair: Not used.

    Returns:
        The cells; None if the search has no such drop.
    """
    drops = int(label)
    epochs = sorted({drop["epoch"] for drop in evidence.drops})
    if not epochs or drops > len(epochs):
        return None
    epoch = epochs[max(drops, 1) - 1]
    record = next((record for record in evidence.metrics if record["epoch"] == epoch), None)
    dropped_at = evidence.drop_epochs()
    dropped_at = np.where(dropped_at <= (epoch if drops else 0), dropped_at, 0)
    scores = None if record is None else _scores_of(evidence, record, dropped_at)
    if scores is None:
        return None
    source = f"derived after {drops} drops, epoch {epoch}, of {evidence.genotype().source}"
    limit = evidence.config.get("max_skip_connections")
    return derive_cells(scores, dropped_at == 0, dropped_at, evidence.operations, source, limit).genotype


def _scores_of(evidence: SearchEvidence, record: Record, dropped_at: np.ndarray) -> np.ndarray | None:
    """Returns the scores of a record, which is taken before a drop, as they are for the operations that it left.

    beta is the softmax over fewer operations. In the unit `relative`, Ce is relative to the mean of fewer operations.
    For an operation that was never sampled, the mean C of its edge is that of the operations before the drop.
    """
    weights, importance = evidence.weights(record), evidence.importance(record)
    if weights is None:
        return importance
    ranked = _ranked_operations(dropped_at, evidence.edge_ranking())
    left = np.where(ranked, weights, np.nan)
    beta = left / np.nansum(left, axis=-1, keepdims=True)
    if importance is None:
        return beta
    return beta + (importance - weights) * _growth_of_relative_term(evidence, record, weights, ranked)


def _ranked_operations(dropped_at: np.ndarray, ranking: str) -> np.ndarray:
    """Returns the operations among which scores are taken: with `last_decision`, a single one's last rival counts, too.

    Args:
        dropped_at: Epoch at whose end each operation was dropped, int [cell types, edges, operations]; 0: living.
        ranking: The setting `edge_ranking`.

    Returns:
        bool of the same shape.
    """
    living = dropped_at == 0
    if ranking != LAST_DECISION:
        return living
    is_single = np.sum(living, axis=-1, keepdims=True) == 1
    return living | (is_single & ~living & (dropped_at == np.max(dropped_at, axis=-1, keepdims=True)))


def _growth_of_relative_term(
    evidence: SearchEvidence, record: Record, weights: np.ndarray, living: np.ndarray
) -> np.ndarray | float:
    """Returns what a drop multiplies lambda C by, [cell types, edges, 1]: 1 unless Ce is relative to an edge's mean."""
    steps = evidence.weight_steps(record)
    if steps is None or evidence.config.get("importance_iterations") != "relative":
        return 1.0
    before, after = (
        np.nanmean(np.where(kept, steps, np.nan), axis=-1, keepdims=True) for kept in (~np.isnan(weights), living)
    )
    return np.divide(after, before, out=np.ones_like(before), where=before > 0)
