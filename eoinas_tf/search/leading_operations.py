"""The operation that leads on an edge: the one with the highest score, if no other has the same."""

from collections.abc import Sequence

import numpy as np


def leading_operations(scores: np.ndarray, operation_names: Sequence[str]) -> np.ndarray:
    """Returns the name of each edge's leading operation.

    Args:
        scores: float [..., operations]; NaN where dropped or unknown.
        operation_names: Names of the operations.

    Returns:
        str [...]; empty where several operations share the highest score, as in the warm-up, or none has a score.
    """
    strengths = np.where(np.isnan(scores), -np.inf, scores)
    is_shared = np.sum(strengths == strengths.max(axis=-1, keepdims=True), axis=-1) > 1
    return np.where(is_shared, "", np.array(operation_names)[np.argmax(strengths, axis=-1)])
