"""The rows of a batch that one of several workers loads, with the random values that they have in the whole batch."""

import dataclasses

import tensorflow as tf

from eoinas_tf.random_seeds import ALGORITHM


@dataclasses.dataclass(frozen=True)
class BatchRows:
    """Part of a batch.

    Args:
        first: The first row, counted from 0.
        count: Number of rows.
        batch_size: Rows of the whole batch.
    """

    first: int
    count: int
    batch_size: int


def draw_uniform(
    shape: list,
    batch_axis: int,
    seed: tf.Tensor,
    rows: BatchRows | None = None,
    low: float = 0,
    high: float = 1,
    dtype: tf.DType = tf.float32,
) -> tf.Tensor:
    """Draws uniform random values for the images of a batch; each row's are the same whichever worker loads it.

    Args:
        shape: Shape of the result.
        batch_axis: Its axis that is the batch.
        seed: Seed of the draw, integer [2].
        rows: The rows that are loaded; by default the whole batch.
        low: Smallest value.
        high: Upper bound, excluded.
        dtype: Type of the result.
    """
    if rows is None:
        return tf.random.stateless_uniform(shape, seed, low, high, dtype, alg=ALGORITHM)
    whole = [*shape[:batch_axis], rows.batch_size, *shape[batch_axis + 1 :]]
    drawn = tf.random.stateless_uniform(whole, seed, low, high, dtype, alg=ALGORITHM)
    return tf.gather(drawn, tf.range(rows.first, rows.first + rows.count), axis=batch_axis)
