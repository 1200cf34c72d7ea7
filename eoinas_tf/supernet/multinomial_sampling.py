"""Draws one operation per edge from that edge's multinomial distribution, without a gradient."""

import tensorflow as tf

from eoinas_tf.supernet.gumbel_sampling import gumbel_noise


def draw_operations(probabilities: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws one operation for every edge of every cell type, as the largest log-probability plus Gumbel noise.

    Args:
        probabilities: Probability of each operation, float [cell types, edges, operations], not negative and not all 0
            on an edge; need not sum to 1. An operation with probability 0 is never drawn.
        seed: Seed of the draw, integer [2]: the same seed gives the same sample.

    Returns:
        The drawn operations, int32 [cell types, edges].
    """
    noise = gumbel_noise(probabilities.shape, seed)
    return tf.argmax(tf.math.log(tf.cast(probabilities, tf.float32)) + noise, axis=-1, output_type=tf.int32)
