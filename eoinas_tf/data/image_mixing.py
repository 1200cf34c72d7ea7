"""Mixup and CutMix: mixes training images with others of their batch.

Keras's layers MixUp and CutMix draw from a stateful generator; these functions draw from a seed alone. CutMix's
parameter is the paper's, and its shares are shares of the pixels.
"""

from typing import NamedTuple

import tensorflow as tf

from eoinas_tf.random_seeds import ALGORITHM

# With less, Beta(alpha, alpha) gives only 0 and 1 in float32.
SMALLEST_ALPHA = 1e-6


class MixedImages(NamedTuple):
    """Mixed images of a batch.

    Args:
        images: [batch, height, width, channels].
        partner_labels: Classes of the images that were mixed in, int32 [batch].
        shares: Share of each mixed image that is the original, float32 [batch].
    """

    images: tf.Tensor
    partner_labels: tf.Tensor
    shares: tf.Tensor


def mix_images(
    images: tf.Tensor, labels: tf.Tensor, mixup_alpha: float, cutmix_alpha: float, seed: tf.Tensor
) -> MixedImages:
    """Mixes each image with the previous one in the batch, whose order is random.

    Args:
        images: float32 [batch, height, width, channels]; static height and width.
        labels: Classes, int32 [batch].
        mixup_alpha: Parameter of mixup's Beta distribution (Zhang et al., arXiv 1710.09412); 0: no mixup.
        cutmix_alpha: Parameter of CutMix's (Yun et al., arXiv 1905.04899); 0: no CutMix. With both, each image gets one
            of the two with equal probability.
        seed: Seed of the draws, integer [2].

    Returns:
        The mixed images.
    """
    batch, (height, width) = tf.shape(images)[0], images.shape[1:3]
    kinds = []
    if mixup_alpha > 0:
        shares = draw_beta(batch, mixup_alpha, _seed_of(seed, 0))
        kinds.append((shares[:, None, None, None], shares))
    if cutmix_alpha > 0:
        is_kept = _outside_rectangles(draw_beta(batch, cutmix_alpha, _seed_of(seed, 1)), height, width, seed)
        kinds.append((is_kept, tf.reduce_mean(is_kept, axis=[1, 2, 3])))
    weights, shares = kinds[0]
    if len(kinds) == 2:
        is_first = tf.random.stateless_uniform([batch], _seed_of(seed, 2), alg=ALGORITHM) < 0.5
        weights = tf.where(is_first[:, None, None, None], weights, kinds[1][0])
        shares = tf.where(is_first, shares, kinds[1][1])
    mixed = weights * images + (1 - weights) * tf.roll(images, 1, axis=0)
    return MixedImages(tf.ensure_shape(mixed, images.shape), tf.roll(labels, 1, axis=0), shares)


def draw_beta(count: int | tf.Tensor, alpha: float, seed: tf.Tensor) -> tf.Tensor:
    """Draws from Beta(alpha, alpha), float32 [count].

    It is X / (X + Y) of two gamma variables, drawn as logarithms: with a small alpha, both can be smaller than any
    float32. With U uniform, Gamma(alpha + 1) * U^(1/alpha) is Gamma(alpha).

    Args:
        count: How many.
        alpha: The distribution's parameter, above 0.
        seed: Seed of the draws, integer [2].
    """
    alpha = max(alpha, SMALLEST_ALPHA)
    gammas = tf.random.stateless_gamma([2, count], _seed_of(seed, 0), alpha + 1)
    uniforms = 1 - tf.random.stateless_uniform([2, count], _seed_of(seed, 1), alg=ALGORITHM)
    first, second = tf.unstack(tf.math.log(gammas) + tf.math.log(uniforms) / alpha)
    return tf.sigmoid(first - second)


def _outside_rectangles(shares: tf.Tensor, height: int, width: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws the positions of rectangles, with centres anywhere, clipped at the borders.

    Args:
        shares: Share of the area outside each rectangle before clipping, float32 [batch].
        height: Height in pixels.
        width: Width in pixels.
        seed: Seed of the draws, integer [2].

    Returns:
        1 outside and 0 inside, float32 [batch, height, width, 1].
    """
    ratios = tf.sqrt(1 - shares)
    centres = tf.random.stateless_uniform([2, tf.shape(shares)[0]], _seed_of(seed, 3), alg=ALGORITHM)
    is_inside = []
    for centre, side in zip(tf.unstack(centres), (height, width), strict=True):
        length = tf.floor(ratios * side)
        first = (tf.floor(centre * side) - tf.floor(length / 2))[:, None]
        positions = tf.range(side, dtype=tf.float32)[None, :]
        is_inside.append((positions >= first) & (positions < first + length[:, None]))
    rows, columns = is_inside
    return 1 - tf.cast(rows[:, :, None, None] & columns[:, None, :, None], tf.float32)


def _seed_of(seed: tf.Tensor, purpose: int) -> tf.Tensor:
    return tf.random.fold_in(seed, purpose, alg=ALGORITHM)
