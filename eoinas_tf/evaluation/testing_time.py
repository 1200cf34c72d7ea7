"""How long a test of a final network takes, measured before the first epoch is over."""

import time

import tensorflow as tf

from eoinas_tf.evaluation.evaluation_step import EvaluationStep
from eoinas_tf.training.run_estimate import MEASURED_STEPS


def seconds_to_test(step: EvaluationStep, batches: tf.data.Dataset) -> float:
    """Runs some test steps, which leave a training as it is, and returns the seconds of all.

    The first one is traced, which the training then need not do again, and is not measured.

    Args:
        step: The training step and the test step, with a single replica.
        batches: All test batches: (images, labels, weights).
    """
    step.test_all(batches.take(1))
    measured = min(MEASURED_STEPS, len(batches))
    started = time.monotonic()
    step.test_all(batches.take(measured))
    return (time.monotonic() - started) * len(batches) / measured
