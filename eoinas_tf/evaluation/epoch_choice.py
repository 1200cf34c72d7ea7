"""Which epoch of a final training run is tested, and when to stop it, by the validation accuracies so far.

Everything follows from the lines of metrics.jsonl, so a resumed run decides like an uninterrupted one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

ACCURACY = "validation_accuracy"


def best_epoch(metrics: Sequence[Mapping[str, Any]]) -> int | None:
    """Returns the epoch with the highest validation accuracy; ties: the first. None if none was measured.

    Args:
        metrics: The lines of metrics.jsonl, one per epoch.
    """
    measured = [record for record in metrics if ACCURACY in record]
    return max(measured, key=lambda record: record[ACCURACY])["epoch"] if measured else None


def is_stopped(metrics: Sequence[Mapping[str, Any]], patience: int) -> bool:
    """Tells whether a training run stops after the epochs done so far.

    Args:
        metrics: The lines of metrics.jsonl, one per epoch.
        patience: Consecutive epochs without a new best one that stop it (`early_stopping_epochs`); 0: it never stops.
    """
    best = best_epoch(metrics)
    return patience > 0 and best is not None and metrics[-1]["epoch"] - best >= patience
