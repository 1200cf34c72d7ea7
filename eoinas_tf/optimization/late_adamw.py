"""AdamW for weights of which some are not trained from the first step on."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class LateAdamW(keras.optimizers.AdamW):
    """AdamW that corrects the bias of late weights by the number of their own steps.

    Adam's moments begin at 0, and it divides them by 1 - decay^t, because the mean over t steps is that much too small
    (Kingma and Ba, arXiv 1412.6980, section 3). Keras counts t for all weights together. For weights that join after
    some thousand steps, the correction would then be over, and their first steps several times as long as the learning
    rate.

    Args:
        late_weights: The weights that join later, with all others or without them.
        **settings: As for Keras's AdamW.
    """

    def __init__(self, late_weights: Sequence[keras.Variable], **settings: Any) -> None:
        super().__init__(**settings)
        self._late_keys = {self._var_key(weight) for weight in late_weights}

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Creates the moments, and the number of steps that late weights have made.

        Args:
            variables: All weights.
        """
        if self.built:
            return
        super().build(variables)
        self.late_iterations = self.add_variable((), dtype="int64", name="late_iterations")

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        """Updates a weight.

        Args:
            gradient: Its gradient.
            variable: The weight, or a replica's copy of it.
            learning_rate: float scalar.
        """
        if self._var_key(variable) in self._late_keys:
            own, usual = (self._correction(steps) for steps in (self.late_iterations, self.iterations))
            learning_rate = learning_rate * own / usual
        super().update_step(gradient, variable, learning_rate)

    def _correction(self, steps_before: keras.Variable) -> tf.Tensor:
        """Returns the factor of the learning rate that corrects both moments' bias, float32 scalar."""
        step = tf.cast(tf.convert_to_tensor(steps_before) + 1, tf.float32)
        return tf.sqrt(1.0 - self.beta_2**step) / (1.0 - self.beta_1**step)

    def count_step(self, weights: Sequence[keras.Variable]) -> None:
        """Counts a step of these weights; to be called after it, once for all replicas.

        Args:
            weights: The weights that were updated.
        """
        if any(self._var_key(weight) in self._late_keys for weight in weights):
            self.late_iterations.assign_add(1)
