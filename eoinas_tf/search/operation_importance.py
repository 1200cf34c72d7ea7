"""The operation importance indicator I = beta + lambda * C, C = Ca / Ce (Eqs. 2, 6, 7).

Pure functions of numpy arrays; the last axis is always an edge's operations.
"""

import numpy as np

from eoinas_tf.search.architecture_parameters import operation_weights
from eoinas_tf.search.edge_means import ratio_or_edge_mean
from eoinas_tf.search.operation_statistics import OperationCounts


def training_iterations(
    weight_steps: np.ndarray, living_operations: np.ndarray, unit: str, steps_per_epoch: int
) -> np.ndarray:
    """Returns Ce, how much each operation was trained.

    The paper speaks both of training epochs and of training iterations. In epochs, the two terms of I are of similar
    size in the paper's setting.

    Args:
        weight_steps: Weight steps in which each operation was sampled, [..., operations].
        living_operations: bool of the same shape.
        unit: `epochs`, `steps`, or `relative` (to the mean over the edge's living operations).
        steps_per_epoch: Weight steps in an epoch.

    Returns:
        float64 of the same shape.

    Raises:
        KeyError: The unit is none of the three.
    """
    counts = np.asarray(weight_steps, np.float64)
    living_means = np.mean(counts, axis=-1, keepdims=True, where=living_operations)
    one_unit: dict[str, np.float64 | np.ndarray] = {
        "epochs": np.float64(steps_per_epoch),
        "steps": np.float64(1.0),
        "relative": np.where(living_means > 0, living_means, 1.0),
    }
    return counts / one_unit[unit]


def mean_accuracy(counts: OperationCounts) -> np.ndarray:
    """Returns Ca: the mean mini-batch accuracy over the architecture steps in which each operation was sampled.

    Args:
        counts: The statistics, arrays [..., operations].

    Returns:
        float64 [..., operations]; NaN for an operation that no architecture step sampled.
    """
    accuracy = counts.accuracy_sums / np.maximum(counts.architecture_steps, 1)
    return np.where(counts.architecture_steps > 0, accuracy, np.nan)


def accuracy_per_iteration(
    counts: OperationCounts, living_operations: np.ndarray, unit: str, steps_per_epoch: int
) -> np.ndarray:
    """Returns C = Ca / Ce (Eq. 6): high for an operation that reaches a high accuracy after little training.

    Ca is the mean accuracy over the architecture steps in which the operation was sampled.
    An operation that was not yet sampled in both kinds of step gets the mean C of those living operations of its edge
    that were, so that chance neither drops nor favours it.

    Args:
        counts: The statistics, arrays [..., operations].
        living_operations: bool [..., operations].
        unit: Unit of Ce, see `training_iterations`.
        steps_per_epoch: Weight steps in an epoch.

    Returns:
        float64 [..., operations]; 0 on an edge without any evidence.
    """
    sampled = (counts.weight_steps > 0) & (counts.architecture_steps > 0)
    iterations = training_iterations(counts.weight_steps, living_operations, unit, steps_per_epoch)
    return ratio_or_edge_mean(mean_accuracy(counts), iterations, sampled, living_operations)


def operation_importance(
    operation_logits: np.ndarray,
    living_operations: np.ndarray,
    counts: OperationCounts,
    *,
    importance_weight: float,
    unit: str,
    steps_per_epoch: int,
) -> np.ndarray:
    """Returns the importance I = beta + lambda * C of every living operation (Eq. 7).

    Args:
        operation_logits: alpha, float [..., operations].
        living_operations: bool of the same shape.
        counts: The statistics, arrays of the same shape.
        importance_weight: lambda, 0.5 in the paper.
        unit: Unit of Ce, see `training_iterations`.
        steps_per_epoch: Weight steps in an epoch.

    Returns:
        float64 of the same shape; NaN where an operation was dropped.
    """
    beta = operation_weights(operation_logits, living_operations)
    accuracy_term = accuracy_per_iteration(counts, living_operations, unit, steps_per_epoch)
    return np.where(living_operations, beta + importance_weight * accuracy_term, np.nan)
