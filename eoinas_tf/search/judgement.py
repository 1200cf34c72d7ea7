"""What the search thinks of every operation at one moment: the statistics, and beta, Ce and I made from them."""

import dataclasses

import numpy as np

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.operation_importance import operation_importance, operation_weights, training_iterations
from eoinas_tf.search.operation_statistics import OperationCounts
from eoinas_tf.search.search_step import SearchState


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Arrays [cell types, edges, operations] read at the end of an epoch.

    Args:
        operation_logits: alpha.
        living_operations: Which operations are not dropped, bool.
        counts: The statistics.
        operation_weights: beta; 0 where dropped.
        training_iterations: Ce, in the unit of `--importance_iterations`.
        importance: I; NaN where dropped.
    """

    operation_logits: np.ndarray
    living_operations: np.ndarray
    counts: OperationCounts
    operation_weights: np.ndarray
    training_iterations: np.ndarray
    importance: np.ndarray


def judge_operations(state: SearchState, config: SearchConfig, steps_per_epoch: int) -> Judgement:
    """Reads the state and judges every operation by the paper's indicator (Eqs. 2, 6, 7).

    Args:
        state: The search's state.
        config: The search's settings.
        steps_per_epoch: Weight steps in an epoch.
    """
    logits = state.network.operation_logits.numpy()
    living = state.network.living_operations.numpy()
    counts = state.statistics.counts()
    unit = config.importance_iterations
    return Judgement(
        logits,
        living,
        counts,
        operation_weights(logits, living),
        training_iterations(counts.weight_steps, living, unit, steps_per_epoch),
        operation_importance(
            logits,
            living,
            counts,
            importance_weight=config.importance_weight,
            unit=unit,
            steps_per_epoch=steps_per_epoch,
        ),
    )
