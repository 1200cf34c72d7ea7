"""The shapes of learning-rate schedules, one function and one line each; search and final training share them.

A shape gives the fraction of the difference between first and last rate that is left at a point of the run. The names
are needed before TensorFlow is loaded, so each shape imports TensorFlow itself.
"""

import math
from collections.abc import Callable
from typing import Any


def cosine(progress: Any) -> Any:
    """Returns (1 + cos(pi p)) / 2.

    Args:
        progress: p, the part of the run that is done, float32 scalar tensor in [0, 1].
    """
    import tensorflow as tf

    return 0.5 * (1.0 + tf.cos(math.pi * progress))


def linear(progress: Any) -> Any:
    """Returns 1 - p; same argument as `cosine`."""
    return 1.0 - progress


def constant(progress: Any) -> Any:
    """Returns 1: the first rate throughout; same argument as `cosine`."""
    return 0.0 * progress + 1.0


# The shape that does not use the last rate.
CONSTANT = "constant"
LEARNING_RATE_SHAPES: dict[str, Callable[[Any], Any]] = {"cosine": cosine, "linear": linear, CONSTANT: constant}
