"""Variables that are trained together: their optimizer, and the preparation of their gradients for it."""

import dataclasses
from collections.abc import Sequence

import keras
import tensorflow as tf

from eoinas_tf.optimization.precision import LossScale, NoLossScale
from eoinas_tf.optimization.weight_gradients import clip_and_decay
from eoinas_tf.optimization.weight_update import update_together


@dataclasses.dataclass(frozen=True)
class ParameterGroup:
    """Variables with their optimizer, which is built for them.

    Args:
        variables: The variables to train.
        optimizer: Built on `variables`.
        l2: L2 weight decay, added to the gradient.
        clip_norm: Largest global norm of the gradient; None: no clipping.
    """

    variables: list[keras.Variable]
    optimizer: keras.optimizers.Optimizer
    l2: float
    clip_norm: float | None = None

    def clipped_and_decayed(self, gradients: Sequence[tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Prepares gradients for the optimizer; called by every replica.

        Args:
            gradients: One per variable, averaged over the replicas.

        Returns:
            The new gradients, and their global norm before that, float32 scalar.
        """
        if self.clip_norm is not None:
            return clip_and_decay(gradients, self.variables, self.clip_norm, self.l2)
        decayed = [
            gradient + self.l2 * tf.cast(variable.value, gradient.dtype)
            for gradient, variable in zip(gradients, self.variables, strict=True)
        ]
        return decayed, tf.linalg.global_norm(list(gradients))


def descend(
    groups: Sequence[tuple[ParameterGroup, Sequence]], norm: tf.Tensor, loss_scale: LossScale | NoLossScale
) -> tf.Tensor:
    """Descends by gradients of one loss; called once for all replicas.

    Args:
        groups: Groups, each with the result of its `clipped_and_decayed`, as `strategy.run` returned it.
        norm: A norm that is finite if all gradients are, float32 scalar.
        loss_scale: The loss scale that the gradients were computed with; updated here.

    Returns:
        The norm that tells whether the step was sound; see `update_weights`.
    """
    return update_together(
        [(group.optimizer, gradients, group.variables) for group, gradients in groups], norm, loss_scale
    )
