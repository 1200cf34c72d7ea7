"""Results of an epoch's training steps, with the loss that can be compared with the test's."""

import tensorflow as tf

from eoinas_tf.optimization.step_results import StepResults


class TrainingResults(StepResults):
    """Step results with the bare cross-entropy in addition to the training loss.

    The training loss includes the auxiliary head's share and smoothed labels; the test's includes neither. The bare
    cross-entropy is the main head's with the plain labels, from the same forward pass.
    """

    def __init__(self) -> None:
        super().__init__("training step")
        self.cross_entropy_sum = tf.Variable(0.0, dtype=tf.float64, trainable=False)

    def add_cross_entropy(self, cross_entropy: tf.Tensor) -> None:
        """Adds the mean bare cross-entropy of a step that was passed to `add`, float32 scalar."""
        self.cross_entropy_sum.assign_add(tf.cast(cross_entropy, tf.float64))

    def mean_cross_entropy(self) -> float | None:
        """Returns the mean bare cross-entropy since the last reset; None if there was no step."""
        steps = int(self.steps.numpy())
        return float(self.cross_entropy_sum.numpy()) / steps if steps else None

    def reset(self) -> None:
        """Resets the sums at the start of an epoch."""
        super().reset()
        self.cross_entropy_sum.assign(0.0)
