"""Exponential moving averages of a network's variables, with a decay that rises in the first steps."""

from collections.abc import Sequence

import keras
import tensorflow as tf

# A step's decay is step / (step + 9), as long as that is below the limit: averages span the last tenth of the steps.
STEPS_OF_RISE = 9


def average_decay(step: tf.Tensor, largest: float) -> tf.Tensor:
    """Returns the decay after a training step, float32 scalar.

    It is that of `tf.train.ExponentialMovingAverage`, (1 + n) / (10 + n) with n previous updates, counted from the
    second update. The first update is a copy, so that nothing is left of the initial weights.

    Args:
        step: Global step, counted from 0, int64 scalar.
        largest: The limit that the decay reaches.
    """
    step = tf.cast(step, tf.float32)
    return tf.minimum(tf.constant(largest, tf.float32), step / (step + STEPS_OF_RISE))


def update_averages(averages: Sequence[keras.Variable], variables: Sequence[keras.Variable], decay: tf.Tensor) -> None:
    """Sets each average to decay * average + (1 - decay) * variable; called once for all replicas.

    Args:
        averages: One per variable.
        variables: Weights and moving statistics. Replicas whose moving statistics differ average their own.
        decay: float32 scalar.
    """
    update = tf.distribute.get_strategy().extended.update
    for average, variable in zip(averages, variables, strict=True):
        update(average.value, _take_in, args=(variable.value, decay), group=False)


def _take_in(average: tf.Variable, variable: tf.Variable, decay: tf.Tensor) -> None:
    average.assign(decay * average + (1 - decay) * variable)
