"""An optimizer's step with gradients averaged over all replicas, skipped if float16 overflowed."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from eoinas_tf.optimization.late_adamw import LateAdamW
from eoinas_tf.optimization.optimizers import decays
from eoinas_tf.optimization.precision import LossScale, NoLossScale


class ReplicaResults(NamedTuple):
    """Results of one replica in a step; after averaging, the gradients and their norm are those of all replicas.

    Args:
        gradients: One per weight, clipped and with weight decay.
        gradient_norm: Their norm before clipping and decay, float32 scalar.
        loss: Mean loss of the replica's share of the batch, float32 scalar.
        accuracy: Fraction of the share that was classified correctly, float32 scalar.
    """

    gradients: list[tf.Tensor]
    gradient_norm: tf.Tensor
    loss: tf.Tensor
    accuracy: tf.Tensor


def update_weights(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence,
    weights: Sequence[keras.Variable],
    gradient_norm: tf.Tensor,
    loss_scale: LossScale | NoLossScale,
) -> tf.Tensor:
    """Descends by the gradients; called once for all replicas, not by each.

    Args:
        optimizer: The optimizer.
        gradients: One per weight, as `strategy.run` returned them: the same on all replicas.
        weights: The weights.
        gradient_norm: The gradient's norm before clipping, float32 scalar.
        loss_scale: The loss scale that the gradients were computed with; updated here.

    Returns:
        The norm that tells whether the step was sound: 0 after an overflow that lowered the loss scale, which is not an
        error.
    """
    return update_together([(optimizer, gradients, weights)], gradient_norm, loss_scale)


def update_together(
    groups: Sequence[tuple[keras.optimizers.Optimizer, Sequence, Sequence[keras.Variable]]],
    gradient_norm: tf.Tensor,
    loss_scale: LossScale | NoLossScale,
) -> tf.Tensor:
    """Descends by gradients of one loss, of which each optimizer takes its share; either all of them step or none.

    Args:
        groups: Optimizer, gradients and weights, as `update_weights` takes them.
        gradient_norm: A norm that is finite if all gradients are, float32 scalar.
        loss_scale: As for `update_weights`.

    Returns:
        The result of `update_weights`.
    """
    if isinstance(loss_scale, NoLossScale):
        for group in groups:
            _descend(*group)
        return gradient_norm
    is_finite = tf.math.is_finite(gradient_norm)
    can_be_lowered = loss_scale.factor > 1.0

    def descend() -> tf.Tensor:
        for group in groups:
            _descend(*group)
        return tf.constant(True)

    tf.cond(is_finite, descend, lambda: tf.constant(False))
    loss_scale.update(is_finite)
    return tf.where(~is_finite & can_be_lowered, 0.0, gradient_norm)


def _descend(optimizer: keras.optimizers.Optimizer, gradients: Sequence, weights: Sequence[keras.Variable]) -> None:
    if tf.distribute.has_strategy():
        _descend_on_replicas(optimizer, gradients, weights)
    else:
        optimizer.apply(gradients, weights)
    if isinstance(optimizer, LateAdamW):
        optimizer.count_step(weights)


def _descend_on_replicas(
    optimizer: keras.optimizers.Optimizer, gradients: Sequence, weights: Sequence[keras.Variable]
) -> None:
    # Keras's own `apply` must be called by each replica and would sum the gradients again.
    learning_rate = tf.convert_to_tensor(optimizer.learning_rate)
    update = tf.distribute.get_strategy().extended.update
    for gradient, weight in zip(gradients, weights, strict=True):
        # `apply` decays weights in the same way.
        decay = optimizer.weight_decay if decays(weight) else None
        update(weight.value, _update_copy, args=(gradient, learning_rate, optimizer, decay), group=False)
    optimizer.iterations.assign_add(1)


def _update_copy(
    weight: tf.Variable, gradient: tf.Tensor, learning_rate: tf.Tensor, optimizer, decay: float | None
) -> None:
    if decay:
        weight.assign_sub(weight * decay * learning_rate)
    optimizer.update_step(gradient, weight, learning_rate)
