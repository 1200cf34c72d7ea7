"""Which epoch of a final training is tested, and when to end it, by the validation accuracies so far.

All of it follows from the lines of metrics.jsonl, so that a continued run decides as an uninterrupted one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

ACCURACY = "validation_accuracy"


def best_epoch(metrics: Sequence[Mapping[str, Any]]) -> int | None:
    """Returns the epoch with the highest validation accuracy, the first of several; None where none was measured.

    Args:
        metrics: The lines of metrics.jsonl, an epoch each.
    """
    measured = [record for record in metrics if ACCURACY in record]
    return max(measured, key=lambda record: record[ACCURACY])["epoch"] if measured else None


def is_stopped(metrics: Sequence[Mapping[str, Any]], patience: int) -> bool:
    """Tells whether a training ends after the epochs that it has behind it.

    Args:
        metrics: The lines of metrics.jsonl, an epoch each.
        patience: Epochs in a row without a new best one that end it (`early_stopping_epochs`); 0: none do.
    """
    best = best_epoch(metrics)
    return patience > 0 and best is not None and metrics[-1]["epoch"] - best >= patience
