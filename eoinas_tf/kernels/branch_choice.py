"""Runs one of several branches, chosen by an index: as a call for a small batch, inlined for a large one.

TensorFlow inlines the branches of a choice into the graph around it. On a CPU it then replaces their operations with
oneDNN's, which are slower than its own on a small batch, as is handing the batch over. A branch that stays a function
of its own keeps TensorFlow's kernels.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from eoinas_tf.kernels import kernel_policy, tensorflow_internals


def run_one_of(branches: Sequence[Callable[[], tf.Tensor]], index: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Runs the branch at the index, and only that one.

    Args:
        branches: Functions without arguments that return tensors of one type and shape.
        index: Index of the branch, int32 scalar.
        images: The input of the branches; its static shape decides how the choice is built.

    Returns:
        The branch's result.
    """
    if kernel_policy.is_small_batch(images):
        return tensorflow_internals.uninlined_case(index, branches)
    return tf.switch_case(index, branches)


def run_with_frozen_weights(
    trained: Callable[..., tf.Tensor],
    frozen: Callable[..., tf.Tensor],
    images: tf.Tensor,
    weights: tf.Tensor,
    choice: Any,
) -> tf.Tensor:
    """Calls a function whose weights get no gradient.

    For a large batch that is a separate trace without the weights' gradient. For a small one, another trace would take
    longer than that gradient.

    Args:
        trained: Takes images, weights and a choice; computes the weights' gradient.
        frozen: The same function without that gradient.
        images: [batch, height, width, channels]; its static shape decides.
        weights: Vector of weights.
        choice: Passed to the function.

    Returns:
        The function's result.
    """
    if kernel_policy.is_small_batch(images):
        return trained(images, tf.stop_gradient(weights), choice)
    return frozen(images, weights, choice)
