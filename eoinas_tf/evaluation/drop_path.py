"""Drop path: in training, whole branches of a cell are dropped, for each image separately (paper, section 4.3).

Nothing here has state. The random values come from a seed that training derives from its global step, so a resumed run
drops the same paths as an uninterrupted one.
"""

from typing import NamedTuple

import tensorflow as tf

from eoinas_tf.random_seeds import ALGORITHM


class DropPath(NamedTuple):
    """The drop-path values of one training step.

    Args:
        probability: Float scalar in [0, 1), the probability that a path is dropped. A tensor, because it rises during
            training and must not cause a new trace.
        seed: int32 or int64 [2], different at every step.
    """

    probability: tf.Tensor
    seed: tf.Tensor


def drop_path_probability(step: tf.Tensor, total_steps: int, largest: float) -> tf.Tensor:
    """Returns the probability of dropping a path, which rises linearly during training.

    Args:
        step: Integer scalar, training steps done so far.
        total_steps: Steps of the whole training run.
        largest: Probability approached at the end.

    Returns:
        float32 scalar: 0 in the first step, `largest * step / total_steps` later.
    """
    return tf.cast(step, tf.float32) * (largest / total_steps)


def drop_path_of_cell(drop_path: DropPath, cell: int) -> DropPath:
    """Returns the same probability with the cell's own seed, so that no two cells share masks.

    Args:
        drop_path: The network's.
        cell: Position of the cell, counted from 0.
    """
    return DropPath(drop_path.probability, tf.random.fold_in(drop_path.seed, cell, alg=ALGORITHM))


def draw_path_scales(drop_path: DropPath, paths: int, batch_size: tf.Tensor | int) -> tf.Tensor:
    """Draws the factor of each path of a cell for each image.

    All paths of a cell are drawn at once: one random operation per cell instead of one per edge.

    Args:
        drop_path: Probability and seed.
        paths: Paths of the cell.
        batch_size: Images in the batch.

    Returns:
        float32 [paths, batch, 1, 1, 1]: 0 with the given probability, else 1 / (1 - probability), so that a path's
        expectation is its value in a test.
    """
    uniform = tf.random.stateless_uniform([paths, batch_size, 1, 1, 1], drop_path.seed, alg=ALGORITHM)
    probability = tf.cast(drop_path.probability, tf.float32)
    return tf.where(uniform >= probability, 1.0 / (1.0 - probability), 0.0)


def scale_path(inputs: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Drops or scales a path's output for each image.

    Args:
        inputs: [batch, height, width, channels], float.
        scale: [batch, 1, 1, 1], one path of `draw_path_scales`.

    Returns:
        A tensor of the inputs' shape and dtype.
    """
    return inputs * tf.cast(scale, inputs.dtype)
