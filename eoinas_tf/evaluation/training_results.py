"""What the training steps of an epoch gave, with the loss that can be compared with the test's."""

import tensorflow as tf

from eoinas_tf.optimization.step_results import StepResults


class TrainingResults(StepResults):
    """Step results with the bare cross-entropy beside the loss that is descended.

    The loss holds the auxiliary head's share and smoothed labels; the test's holds neither. The
    bare cross-entropy is the main head's with the plain labels, of the same forward pass.
    """

    def __init__(self) -> None:
        super().__init__("training step")
        self.cross_entropy_sum = tf.Variable(0.0, dtype=tf.float64, trainable=False)

    def add_cross_entropy(self, cross_entropy: tf.Tensor) -> None:
        """Adds the mean bare cross-entropy of a step that `add` was called for, float32 scalar."""
        self.cross_entropy_sum.assign_add(tf.cast(cross_entropy, tf.float64))

    def mean_cross_entropy(self) -> float | None:
        """Returns the mean bare cross-entropy since the last reset; None where there was no step."""
        steps = int(self.steps.numpy())
        return float(self.cross_entropy_sum.numpy()) / steps if steps else None

    def reset(self) -> None:
        """Forgets the sums, at the start of an epoch."""
        super().reset()
        self.cross_entropy_sum.assign(0.0)
