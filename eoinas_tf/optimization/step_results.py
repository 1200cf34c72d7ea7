"""Losses and accuracies of an epoch's steps, summed on the device and read once per epoch."""

from typing import NamedTuple

import tensorflow as tf

from eoinas_tf.errors import NonFiniteError

NO_STEP = -1


class Means(NamedTuple):
    """Means over the steps since the last reset; None if there was no step.

    Args:
        loss: Mean loss.
        accuracy: Mean accuracy, a fraction.
    """

    loss: float | None
    accuracy: float | None


class StepResults(tf.Module):
    """Sums over steps, and the first step whose loss or gradient was not finite.

    Args:
        what: The kind of step, for messages.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what
        self.steps = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.loss_sum = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.accuracy_sum = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.first_bad_step = tf.Variable(NO_STEP, dtype=tf.int64, trainable=False)

    def add(self, step: tf.Tensor, loss: tf.Tensor, accuracy: tf.Tensor, gradient_norm: tf.Tensor) -> None:
        """Adds a step's results.

        Args:
            step: Global step, int64 scalar.
            loss: The step's loss, scalar.
            accuracy: Fraction classified correctly, scalar.
            gradient_norm: Norm of the step's gradient, scalar.
        """
        self.steps.assign_add(1)
        self.loss_sum.assign_add(tf.cast(loss, tf.float64))
        self.accuracy_sum.assign_add(tf.cast(accuracy, tf.float64))
        is_first = (self.first_bad_step == NO_STEP) & ~tf.math.is_finite(loss + gradient_norm)
        self.first_bad_step.assign(tf.where(is_first, tf.cast(step, tf.int64), self.first_bad_step))

    def check_finite(self, epoch: int) -> None:
        """Makes sure that every loss and gradient since the last reset was finite.

        Args:
            epoch: The epoch, for the message.

        Raises:
            NonFiniteError: A loss or gradient was NaN or infinite; names the exact step.
        """
        bad_step = int(self.first_bad_step.numpy())
        if bad_step != NO_STEP:
            raise NonFiniteError(
                f"the {self.what}'s loss or gradient became NaN or infinite at step {bad_step} (epoch {epoch}); "
                "lower the learning rate or the gradient's clipping norm"
            )

    def means(self, epoch: int) -> Means:
        """Returns the means over the steps since the last reset; same argument and errors as `check_finite`."""
        self.check_finite(epoch)
        steps = int(self.steps.numpy())
        if steps == 0:
            return Means(None, None)
        return Means(float(self.loss_sum.numpy()) / steps, float(self.accuracy_sum.numpy()) / steps)

    def wait(self) -> None:
        """Waits until the device has done all steps that were added."""
        self.steps.numpy()

    def reset(self) -> None:
        """Resets the sums at the start of an epoch."""
        self.steps.assign(0)
        self.loss_sum.assign(0.0)
        self.accuracy_sum.assign(0.0)
