"""The Gumbel softmax: hard, with one operation per edge and a straight-through gradient (Eqs. 2 to 5), and relaxed."""

import numpy as np
import tensorflow as tf

from eoinas_tf.random_seeds import ALGORITHM
from eoinas_tf.supernet.choice import Sampled

# In place of minus infinity, which gives NaN gradients; this survives division by any temperature in use.
VERY_NEGATIVE = -1e30
SMALLEST_NORMAL_FLOAT = float(np.finfo(np.float32).tiny)


def log_operation_weights(operation_logits: tf.Tensor, living_operations: tf.Tensor) -> tf.Tensor:
    """Returns log beta: the log-softmax of alpha over the living operations of each edge (Eq. 2).

    Args:
        operation_logits: alpha, float32 [..., operations].
        living_operations: bool of the same shape; at least one is true per edge.

    Returns:
        float32 of the same shape; a very negative value where an operation was dropped.
    """
    log_weights = tf.nn.log_softmax(tf.where(living_operations, operation_logits, VERY_NEGATIVE))
    return tf.where(living_operations, log_weights, VERY_NEGATIVE)


def gumbel_noise(shape: tuple[int, ...], seed: tf.Tensor) -> tf.Tensor:
    """Draws independent samples of Gumbel(0, 1).

    Args:
        shape: Shape of the result.
        seed: Seed of the stateless generator, integer [2].

    Returns:
        float32, always finite.
    """
    # At 0 the noise would be infinite.
    uniform = tf.random.stateless_uniform(shape, seed, minval=SMALLEST_NORMAL_FLOAT, maxval=1.0, alg=ALGORITHM)
    return -tf.math.log(-tf.math.log(uniform))


def relaxed_operation_weights(
    operation_logits: tf.Tensor, living_operations: tf.Tensor, temperature: tf.Tensor, noise: tf.Tensor
) -> tf.Tensor:
    """Weights all operations by a sample of the concrete distribution: softmax((log beta + noise) / T).

    Args:
        operation_logits: alpha, float32 [..., operations].
        living_operations: bool of the same shape.
        temperature: T, float32 scalar above 0.
        noise: Gumbel noise, float32 of the same shape.

    Returns:
        float32 of the same shape; an edge's weights sum to 1, and a dropped operation's weight is 0.
    """
    return tf.nn.softmax((log_operation_weights(operation_logits, living_operations) + noise) / temperature)


def straight_through_one_hot(
    operation_logits: tf.Tensor, living_operations: tf.Tensor, temperature: tf.Tensor, noise: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Picks the operation with the largest noisy log-probability on each edge (Eqs. 4, 5).

    With p = softmax((log beta + noise) / T), the one-hot of argmax p goes forward and the
    gradient of p goes backward: h = one_hot - stop_gradient(p) + p.

    Args:
        operation_logits: alpha, float32 [..., operations].
        living_operations: bool of the same shape; a dropped operation is never picked.
        temperature: T, float32 scalar above 0.
        noise: Gumbel noise, float32 of the same shape.

    Returns:
        The picked indices, int32 [...], and h, float32 [..., operations].
    """
    noisy_logits = log_operation_weights(operation_logits, living_operations) + noise
    probabilities = tf.nn.softmax(noisy_logits / temperature)
    operation_index = tf.argmax(noisy_logits, axis=-1, output_type=tf.int32)
    one_hot = tf.one_hot(operation_index, noisy_logits.shape[-1])
    return operation_index, one_hot - tf.stop_gradient(probabilities) + probabilities


def sample_operations(
    operation_logits: tf.Tensor, living_operations: tf.Tensor, temperature: tf.Tensor, seed: tf.Tensor
) -> Sampled:
    """Draws one operation for every edge of every cell type.

    Args:
        operation_logits: alpha, float32 [cell types, edges, operations].
        living_operations: bool of the same shape.
        temperature: T, float32 scalar above 0.
        seed: Seed of the draw, integer [2]: the same seed gives the same sample.

    Returns:
        The sample; its gates are the sampled operations' entries of the straight-through one-hots.
    """
    noise = gumbel_noise(operation_logits.shape, seed)
    operation_index, one_hot = straight_through_one_hot(operation_logits, living_operations, temperature, noise)
    return Sampled(operation_index, tf.gather(one_hot, operation_index, batch_dims=2))
