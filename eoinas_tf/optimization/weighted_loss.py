"""The mean loss of a batch, weighted by its images' classes."""

import numpy as np
import tensorflow as tf


def mean_loss(losses: tf.Tensor, labels: tf.Tensor, class_factors: np.ndarray | None) -> tf.Tensor:
    """Returns the mean of the losses, each multiplied by its class's factor.

    The sum is divided by the number of images, not by the sum of their factors: the mean over a batch is the mean over
    its equal parts.

    Args:
        losses: A loss for each image, float32 [batch].
        labels: Classes, int [batch].
        class_factors: The result of `loss_factors`, float32 [classes]; None: every factor is 1.

    Returns:
        float32 scalar.
    """
    if class_factors is not None:
        losses *= tf.gather(tf.constant(class_factors, losses.dtype), labels)
    return tf.reduce_mean(losses)
