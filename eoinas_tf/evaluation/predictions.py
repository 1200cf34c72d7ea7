"""A network's predictions for all test images, collected in one pass."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

RANKS = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """A network's predictions for n test images, in the order of the images.

    Attributes:
        labels: Classes, int32 [n].
        ranked: The most probable classes, the best first, int32 [n, 5] or [n, classes] if there are fewer.
        probabilities: Probability of the most probable class, float32 [n].
        losses: Cross-entropies, float32 [n].
        num_classes: Number of classes.
    """

    labels: np.ndarray
    ranked: np.ndarray
    probabilities: np.ndarray
    losses: np.ndarray
    num_classes: int

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each image, int32 [n]."""
        return self.ranked[:, 0]

    @property
    def loss(self) -> float:
        """Mean cross-entropy."""
        return float(self.losses.mean(dtype=np.float64))

    @property
    def accuracy(self) -> float:
        """Fraction of images whose most probable class is the right one."""
        return float(np.mean(self.predicted == self.labels))

    @property
    def top_5_accuracy(self) -> float:
        """Fraction of images with the right class among the five most probable."""
        return float(np.mean(np.any(self.ranked == self.labels[:, None], axis=1)))


def collect_predictions(network: Callable[..., tf.Tensor], batches: tf.data.Dataset, num_classes: int) -> Predictions:
    """Runs a network on all test images.

    Args:
        network: Maps images, float32 [batch, height, width, channels], to logits; takes `training`.
        batches: Yields (images, labels, weights); an image of weight 0 only fills its batch.
        num_classes: Number of classes and of logits.

    Returns:
        The predictions.
    """

    def answer(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        logits = tf.cast(network(images, training=False), tf.float32)
        # Logits rather than probabilities, of which many small ones become 0 and tie.
        _, ranked = tf.math.top_k(logits, min(RANKS, num_classes))
        return (
            ranked,
            tf.reduce_max(tf.nn.softmax(logits), axis=-1),
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits),
        )

    compiled = tf.function(answer, autograph=False)
    parts: list[tuple[np.ndarray, ...]] = []
    for images, labels, weights in batches:
        counts = weights.numpy() > 0
        parts.append(tuple(part.numpy()[counts] for part in (labels, *compiled(images, labels))))
    labels, ranked, probabilities, losses = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Predictions(labels, ranked, probabilities, losses, num_classes)
