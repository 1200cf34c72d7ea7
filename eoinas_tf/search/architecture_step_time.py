"""How long an architecture step takes, measured before the warm-up is over, without a trace in the search."""

import time

import numpy as np
import tensorflow as tf

from eoinas_tf.search.search_step import SearchStep
from eoinas_tf.training.epoch_steps import Epoch
from eoinas_tf.training.run_estimate import MEASURED_STEPS


def architecture_step_seconds(step: SearchStep, epoch: Epoch, schedule: dict[str, float]) -> float:
    """Runs some architecture steps, then restores every variable that a search changes.

    The first step traces the graph, so that the search need not, and is not timed.

    Args:
        step: The two updates, with a single replica.
        epoch: Its first pair of batches is taken.
        schedule: The epoch's schedule values, such as the temperature.

    Returns:
        Mean seconds of a step.
    """
    variables = [variable for group in step.state.variables().values() for variable in group]
    values = [np.array(tf.convert_to_tensor(variable)) for variable in variables]
    weight_batch, architecture_batch = next(iter(step.replicas.share_out(epoch.batches.take(1))))
    number = tf.constant(epoch.first_step, tf.int64)
    scalars = {name: tf.constant(value, tf.float32) for name, value in schedule.items()}
    try:
        started = 0.0
        for count in range(1 + MEASURED_STEPS):
            if count == 1:
                started = time.monotonic()
            step.update_architecture(weight_batch, architecture_batch, number, scalars)
            step.state.architecture_results.wait()
        return (time.monotonic() - started) / MEASURED_STEPS
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
