"""Loss and accuracies of a classifier: per image, and their means over a batch."""

import tensorflow as tf


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor, label_smoothing: float = 0.0) -> tf.Tensor:
    """Returns each image's cross-entropy with its label or, with label smoothing, with a mixture of labels.

    Args:
        labels: Classes, int32 [batch].
        logits: float32 [batch, classes].
        label_smoothing: Part of the label that is spread evenly over all classes, including its own.

    Returns:
        float32 [batch].
    """
    if label_smoothing == 0.0:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    classes = logits.shape[-1]
    share = label_smoothing / classes
    targets = tf.one_hot(labels, classes, on_value=1.0 - label_smoothing + share, off_value=share, dtype=logits.dtype)
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def is_correct(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns whether each image is classified correctly, bool [batch]."""
    return tf.argmax(logits, axis=-1, output_type=tf.int32) == tf.cast(labels, tf.int32)


def is_among_likeliest(labels: tf.Tensor, logits: tf.Tensor, count: int = 5) -> tf.Tensor:
    """Returns whether each image's class is among the most likely ones, bool [batch].

    Args:
        labels: Classes, int32 [batch].
        logits: float32 [batch, classes].
        count: Number of classes considered; all of them if there are fewer. Ties go to the first ones, as in the report
            of a test, `Predictions.ranked`.
    """
    _, ranked = tf.math.top_k(logits, min(count, logits.shape[-1]))
    return tf.reduce_any(ranked == tf.cast(labels, tf.int32)[:, None], axis=1)


def mean_accuracy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the fraction of a batch that is classified correctly, float32 scalar."""
    return tf.reduce_mean(tf.cast(is_correct(labels, logits), tf.float32))
