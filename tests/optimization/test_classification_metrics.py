import numpy as np
import tensorflow as tf

from eoinas_tf.optimization.classification_metrics import (
    cross_entropy,
    is_among_likeliest,
    mean_accuracy,
)


def test_smoothed_cross_entropy_by_hand():
    # Probabilities 1/2, 1/4, 1/4; with 0.3 the label's own target is 0.7 + 0.1 and the others' 0.1.
    logits = tf.math.log([[0.5, 0.25, 0.25]] * 2)
    smoothed = cross_entropy(tf.constant([0, 2]), logits, 0.3).numpy()
    expected = [0.8 * np.log(2) + 0.2 * np.log(4), 0.1 * np.log(2) + 0.9 * np.log(4)]
    np.testing.assert_allclose(smoothed, expected, rtol=1e-6)
    np.testing.assert_allclose(cross_entropy(tf.constant([0, 2]), logits), [np.log(2), np.log(4)], rtol=1e-6)
    np.testing.assert_allclose(cross_entropy(tf.constant([0, 2]), logits, 1e-9), [np.log(2), np.log(4)], rtol=1e-6)


def test_the_five_likeliest_by_hand():
    logits = tf.constant([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -1.0]] * 7)
    assert is_among_likeliest(tf.range(7), logits).numpy().tolist() == [False, True, True, True, True, True, False]
    assert is_among_likeliest(tf.range(7), logits, 1).numpy().tolist() == [False] * 5 + [True, False]
    assert is_among_likeliest(tf.constant([0, 1]), tf.constant([[0.0, 1.0]] * 2)).numpy().all()


def test_cross_entropy_and_accuracy_by_hand():
    logits = tf.math.log(tf.constant([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]]))
    np.testing.assert_allclose(cross_entropy(tf.constant([0, 1]), logits), [np.log(2), np.log(8)], rtol=1e-6)
    assert float(mean_accuracy(tf.constant([0, 1]), logits)) == 0.5
