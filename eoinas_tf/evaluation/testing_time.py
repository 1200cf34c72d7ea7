"""How long a test of a final network takes, measured before the first epoch ends."""

import time

import tensorflow as tf

from eoinas_tf.evaluation.evaluation_step import EvaluationStep
from eoinas_tf.training.run_estimate import MEASURED_STEPS


def seconds_to_test(step: EvaluationStep, batches: tf.data.Dataset) -> float:
    """Runs some test steps, which do not affect training, and returns the estimated seconds of all test steps.

    The first step traces the graph, so that training need not, and is not timed.

    Args:
        step: The training step and the test step, with a single replica.
        batches: All test batches: (images, labels, weights).
    """
    step.test_all(batches.take(1))
    measured = min(MEASURED_STEPS, len(batches))
    started = time.monotonic()
    step.test_all(batches.take(measured))
    return (time.monotonic() - started) * len(batches) / measured
