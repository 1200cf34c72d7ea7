"""Pipelines of `tf.data` whose parallelism is fixed."""

import tensorflow as tf


def without_autotuning(elements: tf.data.Dataset) -> tf.data.Dataset:
    """Returns a pipeline that keeps the numbers of threads and elements that it was given.

    TensorFlow watches each pipeline in a thread of its own, even one that leaves nothing to choose. The thread sleeps
    between its decisions, longer each time, and it was seen to sleep on for up to 20 seconds when its iterator was
    deleted: the end of an epoch then waits for it.

    Args:
        elements: The pipeline.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return elements.with_options(options)
