"""The steps between a gradient and its optimizer: clipping, then L2 weight decay."""

from collections.abc import Sequence

import keras
import tensorflow as tf


def clip_and_decay(
    gradients: Sequence[tf.Tensor], variables: Sequence[keras.Variable], clip_norm: float, l2: float
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Scales the gradients down to a largest global norm, then adds the L2 term to each.

    The order is that of the paper's framework: the decay is part of the gradient and passes through momentum, but is
    not clipped. Keras's `weight_decay` is decoupled from the gradient and about ten times weaker at momentum 0.9.

    Args:
        gradients: One tensor per variable, of the variable's shape.
        variables: The variables.
        clip_norm: Largest global norm.
        l2: Multiple of the variable that is added to its gradient.

    Returns:
        The new gradients, and the global norm before clipping, a float32 scalar.
    """
    clipped, global_norm = tf.clip_by_global_norm(list(gradients), clip_norm)
    decayed = [
        gradient + l2 * tf.cast(variable.value, gradient.dtype)
        for gradient, variable in zip(clipped, variables, strict=True)
    ]
    return decayed, global_norm
