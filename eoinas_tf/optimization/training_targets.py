"""The training targets of a batch: its images' classes, or mixtures of two classes."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from eoinas_tf.optimization.classification_metrics import cross_entropy
from eoinas_tf.optimization.weighted_loss import mean_loss


class TrainingTargets(NamedTuple):
    """The targets of a batch.

    Args:
        labels: Classes, int32 [batch].
        partner_labels: Classes of the images that were mixed into them, int32 [batch]; None without mixing.
        shares: Share of its own class in each target, float32 [batch]; the rest is the partner's class.
    """

    labels: tf.Tensor
    partner_labels: tf.Tensor | None = None
    shares: tf.Tensor | None = None

    def part(self, own: slice) -> "TrainingTargets":
        """Returns the targets of some of the images.

        Args:
            own: The images.
        """
        return TrainingTargets(*(None if tensor is None else tensor[own] for tensor in self))

    def mean_cross_entropy(
        self, logits: tf.Tensor, label_smoothing: float = 0.0, class_factors: np.ndarray | None = None
    ) -> tf.Tensor:
        """Returns the mean cross-entropy with the targets, float32 scalar.

        A mixture's cross-entropy is the mixture of the cross-entropies with its two classes, each smoothed and
        multiplied by its class's factor.

        Args:
            logits: float32 [batch, classes].
            label_smoothing: Part of a label that is spread evenly over all classes.
            class_factors: Factor of the loss for each class, float32 [classes]; None: all 1.
        """
        losses = cross_entropy(self.labels, logits, label_smoothing)
        if self.partner_labels is None or self.shares is None:
            return mean_loss(losses, self.labels, class_factors)
        partner_losses = cross_entropy(self.partner_labels, logits, label_smoothing)
        own = mean_loss(self.shares * losses, self.labels, class_factors)
        return own + mean_loss((1 - self.shares) * partner_losses, self.partner_labels, class_factors)

    def main_labels(self) -> tf.Tensor:
        """Returns the class with the larger share in each target, int32 [batch]."""
        if self.partner_labels is None or self.shares is None:
            return self.labels
        return tf.where(self.shares >= 0.5, self.labels, self.partner_labels)
