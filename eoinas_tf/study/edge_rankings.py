"""Four ways to choose the edges of a cell when one operation is left on each: a search's records, ranked again."""

import hashlib
from collections.abc import Callable

import numpy as np

from eoinas_tf.config import END
from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.study.search_evidence import SearchEvidence


def _importance_at_last_decision(evidence: SearchEvidence) -> np.ndarray | None:
    record = evidence.last_decision()
    return None if record is None else evidence.importance(record)


def _weights_at_last_decision(evidence: SearchEvidence) -> np.ndarray | None:
    record = evidence.last_decision()
    return None if record is None else evidence.weights(record)


def _by_chance(evidence: SearchEvidence) -> np.ndarray | None:
    """Returns a score for each edge, the same for its operations, which depends on the search's seed alone."""
    shape = evidence.drop_epochs().shape
    seed = evidence.config.get("seed", 0)
    digests = [
        hashlib.sha256(f"{seed} edge {edge}".encode()).digest() for edge in range(int(np.prod(shape[:2], dtype=int)))
    ]
    scores = np.array([int.from_bytes(digest[:6], "big") / 2**48 for digest in digests]).reshape(shape[:2])
    return np.repeat(scores[..., None], shape[-1], axis=-1)


AT_END = "scores at the end"
RANKINGS: dict[str, Callable[[SearchEvidence], np.ndarray | None]] = {
    "I at the last decision": _importance_at_last_decision,
    "beta at the last decision": _weights_at_last_decision,
    "edges at random": _by_chance,
}
RANKING_NAMES = (AT_END, *RANKINGS)


def cell_by_ranking(evidence: SearchEvidence, label: str, cell: str = "", pair: int = 0) -> Genotype | None:
    """Derives the cells from the operations that were left, with edges ranked in one of four ways.

    Args:
        evidence: The finished search.
        label: One of `RANKING_NAMES`.
        cell: Not used.
        pair: Not used.

    Returns:
        The cells; None if nothing was dropped, or the method has no such score.
    """
    if not evidence.drops:
        return None
    if label == AT_END and evidence.edge_ranking() == END:
        return evidence.genotype()
    scores = evidence.final_scores() if label == AT_END else RANKINGS[label](evidence)
    if scores is None:
        return None
    dropped_at = evidence.drop_epochs()
    source = f"edges ranked by {label}: {evidence.genotype().source}"
    limit = evidence.config.get("max_skip_connections")
    return derive_cells(scores, dropped_at == 0, dropped_at, evidence.operations, source, limit).genotype
