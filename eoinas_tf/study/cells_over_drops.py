"""The cells with which a search would have ended after each of its drops."""

import numpy as np

from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.study.search_evidence import SearchEvidence

# Drops after which a cell is derived; 0 is the first decision, before anything is dropped.
DROP_COUNTS = tuple(str(count) for count in range(len(OPERATION_NAMES)))


def cell_after_drops(evidence: SearchEvidence, label: str, cell: str = "", pair: int = 0) -> Genotype | None:
    """Derives the cells from the scores at a drop, with the operations that it left.

    Args:
        evidence: The finished search.
        label: Number of drops made; 0: the scores at the first drop, before it.
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
    scores = None if record is None else evidence.scores(record)
    if scores is None:
        return None
    dropped_at = evidence.drop_epochs()
    dropped_at = np.where(dropped_at <= (epoch if drops else 0), dropped_at, 0)
    living = dropped_at == 0
    source = f"derived after {drops} drops, epoch {epoch}, of {evidence.genotype().source}"
    return derive_cells(scores, living, dropped_at, evidence.operations, source).genotype
