"""The course of a learning rate: an optional linear warm-up, then a shape that leads from one rate to another."""

import keras
import tensorflow as tf

from eoinas_tf.learning_rate_shapes import LEARNING_RATE_SHAPES


@keras.saving.register_keras_serializable(package="eoinas_tf")
class LearningRateSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate as a function of the step alone, so that a resumed run needs no state for it.

    In warm-up step s, counted from 0, it is (s + 1) / warmup_steps of the initial learning rate. After the warm-up,
    with p rising from 0 to 1 over the remaining steps, it is `start * ((1 - r) f(p) + r)`, where r is end / start and f
    the shape; in this form a cosine has the same bits as Keras's `CosineDecay`.

    With `steps_per_update` set to an epoch's steps, the rate is that of the paper's ImageNet training, "decayed
    linearly after each epoch" (section 4.4): all of the above then counts epochs instead of steps, and the last epoch
    still has a rate above `end`.

    Args:
        schedule: A name of `LEARNING_RATE_SHAPES`.
        start: Learning rate after the warm-up.
        end: Learning rate reached when all steps are done.
        total_steps: Training steps of the whole run, including the warm-up's.
        warmup_steps: Steps of the warm-up.
        steps_per_update: Steps for which the rate stays constant; total_steps and warmup_steps are multiples of it.
    """

    def __init__(
        self,
        schedule: str,
        start: float,
        end: float,
        *,
        total_steps: int,
        warmup_steps: int = 0,
        steps_per_update: int = 1,
    ) -> None:
        if schedule not in LEARNING_RATE_SHAPES:
            raise ValueError(f"schedule must be one of {', '.join(LEARNING_RATE_SHAPES)}. Received: {schedule}")
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(f"warmup_steps must be in [0, {total_steps}). Received: {warmup_steps}")
        if steps_per_update < 1 or total_steps % steps_per_update or warmup_steps % steps_per_update:
            raise ValueError(
                f"steps_per_update must divide {total_steps} and {warmup_steps} steps. Received: {steps_per_update}"
            )
        self.schedule = schedule
        self.start = start
        self.end = end
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.steps_per_update = steps_per_update

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step.

        Args:
            step: Training steps done so far, integer scalar.

        Returns:
            float32 scalar.
        """
        length = self.steps_per_update
        total, warmup = self.total_steps // length, self.warmup_steps // length
        step = tf.cast(step if length == 1 else tf.cast(step, tf.int64) // length, tf.float32)
        progress = (step - warmup) / (total - warmup)
        progress = tf.clip_by_value(progress, 0.0, 1.0)
        left = LEARNING_RATE_SHAPES[self.schedule](progress)
        end = tf.constant(self.end / self.start if self.start else 0.0, tf.float32)
        rate = tf.constant(self.start, tf.float32) * ((1.0 - end) * left + end)
        if warmup == 0:
            return rate
        return tf.where(step < warmup, self.start * (step + 1.0) / warmup, rate)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {
            "schedule": self.schedule,
            "start": self.start,
            "end": self.end,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "steps_per_update": self.steps_per_update,
        }
