"""Counts per operation: how often it was trained, and how well the network did with it (Algorithm 1)."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class OperationCounts(NamedTuple):
    """The statistics as numpy arrays, each [cell types, edges, operations].

    Args:
        weight_steps: Weight steps in which the operation was the sampled one, int64.
        architecture_steps: Architecture steps in which it was the sampled one, int64.
        accuracy_sums: Sum of these architecture steps' mini-batch accuracies (fractions), float64.
    """

    weight_steps: np.ndarray
    architecture_steps: np.ndarray
    accuracy_sums: np.ndarray


class OperationStatistics(tf.Module):
    """Running sums on the device, updated inside the steps.

    Args:
        shape: (cell types, edges, operations).
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.weight_steps = tf.Variable(tf.zeros(shape, tf.int64), trainable=False)
        self.architecture_steps = tf.Variable(tf.zeros(shape, tf.int64), trainable=False)
        self.accuracy_sums = tf.Variable(tf.zeros(shape, tf.float64), trainable=False)

    def add_weight_step(self, operation_index: tf.Tensor) -> None:
        """Counts a weight step.

        Args:
            operation_index: The sampled operations, int32 [cell types, edges].
        """
        self.weight_steps.assign_add(tf.one_hot(operation_index, self.weight_steps.shape[-1], dtype=tf.int64))

    def add_architecture_step(self, operation_index: tf.Tensor, accuracy: tf.Tensor) -> None:
        """Counts an architecture step and its accuracy.

        Args:
            operation_index: The sampled operations, int32 [cell types, edges].
            accuracy: Fraction of the D_V mini-batch that was classified correctly, scalar.
        """
        sampled = tf.one_hot(operation_index, self.architecture_steps.shape[-1], dtype=tf.int64)
        self.architecture_steps.assign_add(sampled)
        self.accuracy_sums.assign_add(tf.cast(sampled, tf.float64) * tf.cast(accuracy, tf.float64))

    def counts(self) -> OperationCounts:
        """Returns the sums so far."""
        return OperationCounts(self.weight_steps.numpy(), self.architecture_steps.numpy(), self.accuracy_sums.numpy())
