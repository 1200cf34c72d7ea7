"""Several training steps in one call of a graph function, so that Python makes one call for all of them."""

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf


def repeat_steps(step: Callable[[Any, tf.Tensor], None], batches: Iterator, first: tf.Tensor, count: tf.Tensor) -> None:
    """Runs a step on one batch after another; called in a graph function, which then works for any `count`.

    Args:
        step: Takes an element of `batches` and the global number of the step, int64 scalar.
        batches: Iterator of a `tf.data` or distributed data set with at least `count` elements left.
        first: Global number of the first step, int64 scalar.
        count: Steps to run, int64 scalar.
    """

    def run(number: tf.Tensor) -> list[tf.Tensor]:
        step(next(batches), number)
        return [number + 1]

    # A step reads what the one before it wrote.
    tf.while_loop(lambda number: number < first + count, run, [first], parallel_iterations=1)
