"""Means over the operations of each edge, which stand in where nothing is known of an operation.

The last axis is always an edge's operations.
"""

import numpy as np


def edge_means(values: np.ndarray, included: np.ndarray) -> np.ndarray:
    """Returns the mean over some operations of each edge, 0 for an edge without any.

    Args:
        values: float [..., operations].
        included: The operations, bool of the same shape.

    Returns:
        float [..., 1].
    """
    count = np.sum(included, axis=-1, keepdims=True)
    return np.sum(values, axis=-1, keepdims=True, where=included) / np.maximum(count, 1)


def ratio_or_edge_mean(
    accuracy: np.ndarray, iterations: np.ndarray, sampled: np.ndarray, living_operations: np.ndarray
) -> np.ndarray:
    """Returns Ca / Ce of the operations that were sampled, and for the others the mean of those living on their edge.

    Args:
        accuracy: Ca, float [..., operations].
        iterations: Ce, float64 of the same shape.
        sampled: Whether both are known, bool of the same shape.
        living_operations: bool of the same shape.

    Returns:
        float64 of the same shape; 0 on an edge without any evidence.
    """
    ratio = np.divide(accuracy, iterations, out=np.zeros_like(iterations), where=sampled)
    return np.where(sampled, ratio, edge_means(ratio, sampled & living_operations))
