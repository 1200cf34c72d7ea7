"""The type that layers compute in, and the loss scale that float16 needs."""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

DTYPE_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
FIRST_SCALE = 2.0**15
STEPS_UNTIL_DOUBLED = 2000


def use_precision(mixed_precision: str) -> None:
    """Sets the type in which layers built from now on compute; their weights stay float32.

    Args:
        mixed_precision: `float32`, `bfloat16` or `float16`.
    """
    keras.config.set_dtype_policy(DTYPE_POLICIES[mixed_precision])


@contextlib.contextmanager
def computing_in(mixed_precision: str) -> Iterator[None]:
    """Inside, layers are built to compute in a type; afterwards Keras's previous policy is restored.

    Args:
        mixed_precision: `float32`, `bfloat16` or `float16`.
    """
    before = keras.config.dtype_policy()
    use_precision(mixed_precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class LossScale(tf.Module):
    """A factor on the loss that keeps small float16 gradients from becoming zero.

    A step whose gradient overflows changes no weight and halves the factor; after 2,000 consecutive steps without an
    overflow the factor doubles. It is kept apart from the optimizer, so that clipping and weight decay see the gradient
    without the factor.
    """

    def __init__(self) -> None:
        super().__init__()
        self.factor = tf.Variable(FIRST_SCALE, dtype=tf.float32, trainable=False)
        self.good_steps = tf.Variable(0, dtype=tf.int64, trainable=False)

    def scale(self, loss: tf.Tensor) -> tf.Tensor:
        """Returns the loss times the factor."""
        return loss * tf.cast(self.factor, loss.dtype)

    def unscale(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the gradients without the factor."""
        return [gradient / tf.cast(self.factor, gradient.dtype) for gradient in gradients]

    def update(self, is_finite: tf.Tensor) -> None:
        """Updates the factor after a step.

        Args:
            is_finite: Whether the step's gradient was finite, bool scalar.
        """
        good = tf.where(is_finite, self.good_steps + 1, 0)
        is_due = good >= STEPS_UNTIL_DOUBLED
        factor = tf.where(is_finite, tf.where(is_due, self.factor * 2.0, self.factor), self.factor / 2.0)
        self.factor.assign(tf.clip_by_value(factor, 1.0, 2.0**24))
        self.good_steps.assign(tf.where(is_due, tf.zeros_like(good), good))


class NoLossScale(tf.Module):
    """The loss scale of float32 and bfloat16: no factor."""

    def scale(self, loss: tf.Tensor) -> tf.Tensor:
        """Returns the loss."""
        return loss

    def unscale(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the gradients."""
        return list(gradients)


def build_loss_scale(mixed_precision: str) -> LossScale | NoLossScale:
    """Returns the loss scale for a precision.

    Args:
        mixed_precision: `float32`, `bfloat16` or `float16`.
    """
    return LossScale() if mixed_precision == "float16" else NoLossScale()
