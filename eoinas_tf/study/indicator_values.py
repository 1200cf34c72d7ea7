"""beta and I of every operation at a search's decisions, I in every reading of Ce (paper, Eqs. 6 and 7)."""

from typing import Any

import numpy as np

from eoinas_tf.space.cell_topology import CELL_TYPES
from eoinas_tf.study.search_evidence import Record, SearchEvidence

FIRST_DECISION = "first decision"
LAST_DECISION = "last decision"
READINGS = ("epochs", "relative", "steps")


def readings_of_importance(
    weights: np.ndarray,
    importance: np.ndarray,
    importance_weight: float,
    unit: str,
    epoch: int,
    steps_per_epoch: float | None,
) -> dict[str, np.ndarray]:
    """Returns I in the three units of Ce, from I in one of them, at a moment when every operation lives.

    Until the first drop, an edge's counts of weight steps sum to all steps done, so their mean, by which `relative`
    divides, is steps / operations: C in `relative` is C in `epochs` times epoch / operations, and C in `steps` is C in
    `epochs` divided by the steps of an epoch.

    Args:
        weights: beta [cell types, edges, operations].
        importance: I of the same shape, in the search's own unit.
        importance_weight: lambda; with 0, nothing can be derived.
        unit: The search's own unit.
        epoch: Epochs done.
        steps_per_epoch: Weight steps of an epoch; None if unknown, and then `steps` is missing.

    Returns:
        I by unit.
    """
    if importance_weight == 0:
        return {}
    to_epochs = {"epochs": 1.0, "relative": weights.shape[-1] / epoch, "steps": steps_per_epoch}[unit]
    if to_epochs is None:
        return {unit: importance}
    term = (importance - weights) * to_epochs  # lambda * C, C in epochs
    factors = {"epochs": 1.0, "relative": epoch / weights.shape[-1]}
    if steps_per_epoch:
        factors["steps"] = 1.0 / steps_per_epoch
    return {name: weights + term * factor for name, factor in factors.items()}


def indicator_rows(evidence: SearchEvidence) -> list[dict[str, Any]]:
    """Returns a row for each operation of each edge at the first and at the last decision.

    Args:
        evidence: The finished search.

    Returns:
        Rows with `moment`, `epoch`, `cell_type`, `edge`, `operation`, `beta`, `importance` (as the search computed it),
        `importance_epochs` and so on (first decision only), and `life`: the epoch of the operation's drop, or one more
        than the last epoch if it was never dropped.
    """
    rows = []
    lives = evidence.drop_epochs()
    lives = np.where(lives == 0, len(evidence.metrics) + 1, lives)
    moments = {FIRST_DECISION: evidence.first_decision(), LAST_DECISION: evidence.last_decision()}
    for moment, record in moments.items():
        weights = None if record is None else evidence.weights(record)
        if record is None or weights is None:
            continue
        importance = evidence.importance(record)
        readings = {}
        if importance is not None and moment == FIRST_DECISION:
            readings = readings_of_importance(
                weights,
                importance,
                float(evidence.config.get("importance_weight", 0)),
                str(evidence.config.get("importance_iterations", "epochs")),
                record["epoch"],
                _steps_per_epoch(evidence, record),
            )
        for position in np.argwhere(~np.isnan(weights)).tolist():
            index = tuple(position)
            rows.append(
                {
                    "moment": moment,
                    "epoch": record["epoch"],
                    "cell_type": CELL_TYPES[index[0]],
                    "edge": index[1],
                    "operation": evidence.operations[index[2]],
                    "beta": float(weights[index]),
                    "importance": None if importance is None else float(importance[index]),
                    **{f"importance_{name}": float(values[index]) for name, values in readings.items()},
                    "life": int(lives[index]),
                }
            )
    return rows


def _steps_per_epoch(evidence: SearchEvidence, record: Record) -> float | None:
    """Returns the steps of an epoch, from the counts of steps; searches of earlier versions recorded none.

    While all operations live, the counts of an edge sum to the steps done. Else the newest checkpoint's name says it.
    """
    counts = evidence.weight_steps(record)
    if counts is not None and not np.isnan(counts[0, 0]).any() and counts[0, 0].any():
        return float(counts[0, 0].sum() / record["epoch"])
    steps = [path.name.rpartition("-")[2] for path in (evidence.folder / "checkpoints").glob("ckpt-*")]
    newest = max((int(text) for text in steps if text.isdigit()), default=0)
    epochs = int(evidence.config.get("epochs", 0))
    return newest / epochs if newest and epochs else None
