"""DARTS, second order: alpha descends the validation loss that the weights would have one step ahead.

Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", arXiv 1806.09055, Eqs. 6 to 8.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from eoinas_tf.optimization.parameter_group import ParameterGroup
from eoinas_tf.search.methods.darts import Darts
from eoinas_tf.search.search_method import Schedule
from eoinas_tf.search.updater import Batch, BatchGradients, Updater
from eoinas_tf.supernet.choice import Choice

# Global norm of the change of the weights on either side of the finite difference.
DIFFERENCE_NORM = 0.01


class DartsSecondOrder(Darts):
    """Differentiates through one virtual step of SGD; no variable is changed for it."""

    title = "DARTS, second order"

    def architecture_gradients(
        self, updater: Updater, weight_batch: Batch, architecture_batch: Batch, step: tf.Tensor, schedule: Schedule
    ) -> BatchGradients:
        """Returns the gradient of L_val(w'(alpha), alpha), with loss and accuracy at w'.

        With w' = w - xi * dL_train/dw, the gradient is dL_val/dalpha minus xi times the implicit gradient (Eqs. 6, 7).
        """
        alpha = [self.operation_logits]

        def choose() -> Choice:
            return self.architecture_choice(step, schedule)

        training = updater.gradients(weight_batch, choose, with_weights=True)
        weights = [tf.convert_to_tensor(weight) for weight in updater.weight_group.variables]
        # An overflow in the virtual step counts as one of this step: the loss is then that at w, and finite.
        is_finite = tf.math.is_finite(tf.linalg.global_norm(training.weight_gradients))
        virtual_weights = [
            tf.where(is_finite, stepped, weight)
            for stepped, weight in zip(
                stepped_weights(updater.weight_group, training.weight_gradients), weights, strict=True
            )
        ]
        found = updater.gradients(architecture_batch, choose, alpha, with_weights=True, weights=virtual_weights)
        implicit = implicit_gradients(
            lambda weights: updater.gradients(weight_batch, choose, alpha, weights=weights).gradients,
            weights,
            found.weight_gradients,
        )
        rate = learning_rate(updater.weight_group)
        gradients = [
            tf.where(is_finite, direct - rate * second_order, float("nan"))
            for direct, second_order in zip(found.gradients, implicit, strict=True)
        ]
        return found._replace(gradients=gradients, weight_gradients=[])


def learning_rate(group: ParameterGroup) -> tf.Tensor:
    """Returns xi, the learning rate of the optimizer's next step, float32 scalar."""
    return tf.convert_to_tensor(group.optimizer.learning_rate, tf.float32)


def stepped_weights(group: ParameterGroup, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns w', the weights that the optimizer's next step would give, without making it.

    w' = w - xi * (momentum * buffer + gradient + l2 * w), as in the paper's public code: not clipped. Keras's momentum
    variable is -xi * buffer.

    Args:
        group: The weights with SGD.
        gradients: dL_train/dw, one per weight.
    """
    rate, optimizer = learning_rate(group), group.optimizer
    momenta = optimizer.momentums if optimizer.momentum else [0.0] * len(group.variables)
    stepped = []
    for variable, momentum, gradient in zip(group.variables, momenta, gradients, strict=True):
        weight = tf.convert_to_tensor(variable)
        change = optimizer.momentum * tf.convert_to_tensor(momentum) - rate * (gradient + group.l2 * weight)
        stepped.append(weight + change)
    return stepped


def implicit_gradients(
    architecture_gradients: Callable[[list[tf.Tensor]], list[tf.Tensor]],
    weights: Sequence[tf.Tensor],
    vector: Sequence[tf.Tensor],
) -> list[tf.Tensor]:
    """Returns the product of the mixed second derivative d2 L_train / (dalpha dw) with a vector, approximately.

    (dL/dalpha(w + eps * vector) - dL/dalpha(w - eps * vector)) / (2 * eps), eps = 0.01 / norm of the vector (Eq. 8).

    Args:
        architecture_gradients: Returns dL_train/dalpha for the weights it is given.
        weights: w.
        vector: dL_val/dw', one tensor per weight.

    Returns:
        A tensor for each architecture variable; zero if the vector is zero, not finite if the vector is not finite.
    """
    norm = tf.linalg.global_norm(list(vector))
    epsilon = DIFFERENCE_NORM / tf.where(norm == 0.0, 1.0, norm)
    ahead = architecture_gradients([w + epsilon * v for w, v in zip(weights, vector, strict=True)])
    # One after the other: in parallel they would need twice the memory.
    with tf.control_dependencies(ahead):
        weights_behind = [w - epsilon * v for w, v in zip(weights, vector, strict=True)]
    behind = architecture_gradients(weights_behind)
    return [(plus - minus) / (2.0 * epsilon) for plus, minus in zip(ahead, behind, strict=True)]
