"""Gradual operation pruning: when operations are dropped, and which (Algorithm 1, lines 6 to 9)."""

import numpy as np


def is_pruning_epoch(epoch: int, after_epoch: int, every_epochs: int) -> bool:
    """Tells whether operations are dropped at the end of an epoch: epoch > 20 and epoch % 20 == 0 in the paper.

    Args:
        epoch: The epoch, counted from 1.
        after_epoch: No drop up to and including this epoch.
        every_epochs: Drops happen at multiples of this number.
    """
    return epoch > after_epoch and epoch % every_epochs == 0


def lowest_operations(scores: np.ndarray, living_operations: np.ndarray) -> np.ndarray:
    """Marks the living operation with the lowest score on each edge; an edge's last one is never marked.

    Args:
        scores: I or another score of the operations, float [..., operations]; ignored where an operation was dropped.
        living_operations: bool of the same shape.

    Returns:
        bool of the same shape, at most one true per edge. Ties: the first is marked.
    """
    comparable = np.where(living_operations, scores, np.inf)
    lowest = np.argmin(comparable, axis=-1, keepdims=True)
    marked = np.arange(scores.shape[-1]) == lowest
    has_several = np.sum(living_operations, axis=-1, keepdims=True) > 1
    return marked & has_several & living_operations
