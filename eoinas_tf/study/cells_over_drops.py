"""The cells with which a search would have ended, had it ended with one of its drops."""

import numpy as np

from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.search.edge_ranking import ranked_operations
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.study.search_evidence import Record, SearchEvidence

# Drops after which a cell is derived; 0 is the first decision, before anything is dropped.
DROP_COUNTS = tuple(str(count) for count in range(len(OPERATION_NAMES)))


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
    """
    weights, importance = evidence.weights(record), evidence.importance(record)
    if weights is None:
        return importance
    ranked = ranked_operations(dropped_at == 0, dropped_at, evidence.edge_ranking())
    left = np.where(ranked, weights, np.nan)
    beta = left / np.nansum(left, axis=-1, keepdims=True)
    if importance is None:
        return beta
    return beta + (importance - weights) * _growth_of_relative_term(evidence, record, weights, ranked)


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
