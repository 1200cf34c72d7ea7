"""The shapes of learning-rate schedules, a function and a line each; search and final training share them.

A shape says how much of the difference between first and last rate is left, while the training goes on. The names
are needed before TensorFlow is loaded, so that it is imported where a shape computes.
"""

import math
from collections.abc import Callable
from typing import Any


def cosine(progress: Any) -> Any:
    """Returns (1 + cos(pi p)) / 2.

    Args:
        progress: p, the part of the training that is done, float32 scalar tensor in [0, 1].
    """
    import tensorflow as tf

    return 0.5 * (1.0 + tf.cos(math.pi * progress))


def linear(progress: Any) -> Any:
    """Returns 1 - p; takes what `cosine` takes."""
    return 1.0 - progress


def constant(progress: Any) -> Any:
    """Returns 1: the first rate throughout; takes what `cosine` takes."""
    return 0.0 * progress + 1.0


LEARNING_RATE_SHAPES: dict[str, Callable[[Any], Any]] = {"cosine": cosine, "linear": linear, "constant": constant}
