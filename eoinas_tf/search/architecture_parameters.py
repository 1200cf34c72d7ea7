"""Alpha, the architecture parameters that most methods learn by gradient, with their optimizer (sections 3.1, 4.2)."""

import keras
import numpy as np
from scipy.special import softmax

from eoinas_tf.config import SearchConfig
from eoinas_tf.optimization.parameter_group import ParameterGroup


def architecture_parameters(config: SearchConfig, initial_logits: np.ndarray) -> ParameterGroup:
    """Makes alpha and the Adam optimizer that trains it.

    Args:
        config: Adam's settings and the L2 weight decay.
        initial_logits: Alpha at the start, float [cell types, edges, operations].

    Returns:
        The group of the one variable.
    """
    logits = keras.Variable(np.asarray(initial_logits, np.float32), dtype="float32", name="operation_logits")
    optimizer = keras.optimizers.Adam(
        config.architecture_learning_rate,
        beta_1=config.architecture_beta_1,
        beta_2=config.architecture_beta_2,
        epsilon=1e-8,
    )
    optimizer.build([logits])
    return ParameterGroup([logits], optimizer, config.architecture_l2)


def operation_weights(operation_logits: np.ndarray, living_operations: np.ndarray) -> np.ndarray:
    """Returns beta, the softmax of alpha over the living operations of each edge (Eq. 2).

    Args:
        operation_logits: alpha, float [..., operations].
        living_operations: bool of the same shape; at least one is true per edge.

    Returns:
        float64 of the same shape; 0 where an operation was dropped.
    """
    logits = np.where(living_operations, np.asarray(operation_logits, np.float64), -np.inf)
    return softmax(logits, axis=-1)
