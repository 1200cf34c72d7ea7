import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.predictions import Predictions, collect_predictions
from eoinas_tf.optimization.classification_metrics import is_among_likeliest


def batches(logits, labels, weights, batch_size):
    """Logits as images of one pixel row, so that the network only has to reshape."""
    images = np.asarray(logits, np.float32)[:, None, :, None]
    parts = (images, np.asarray(labels, np.int32), np.asarray(weights, np.float32))
    return tf.data.Dataset.from_tensor_slices(parts).batch(batch_size)


def network(images, training):
    assert training is False
    return images[:, 0, :, 0]


def test_answers_are_kept_in_order_without_what_fills_the_batches():
    logits = np.log([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3], [0.9, 0.05, 0.05]])
    found = collect_predictions(network, batches(logits, [0, 1, 1, 0], [1, 1, 1, 0], 2), 3)
    np.testing.assert_array_equal(found.labels, [0, 1, 1])
    np.testing.assert_array_equal(found.ranked, [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
    np.testing.assert_array_equal(found.predicted, [0, 2, 1])
    np.testing.assert_allclose(found.probabilities, [0.7, 0.6, 0.5], rtol=1e-5)
    np.testing.assert_allclose(found.losses, -np.log([0.7, 0.3, 0.5]), rtol=1e-5)
    assert found.loss == pytest.approx(-np.log([0.7, 0.3, 0.5]).mean(), rel=1e-5)
    assert found.accuracy == pytest.approx(2 / 3)


def test_of_equally_probable_classes_the_first_is_predicted_as_in_the_test_step():
    found = collect_predictions(network, batches([[1.0, 1.0, 0.0]], [1], [1], 1), 3)
    np.testing.assert_array_equal(found.predicted, [0])


def test_the_top_five_are_told_apart_from_the_sixth():
    logits = [[6, 5, 4, 3, 2, 1, 0]] * 4
    found = collect_predictions(network, batches(logits, [0, 4, 5, 6], [1] * 4, 4), 7)
    assert found.ranked.shape == (4, 5)
    assert found.accuracy == 0.25
    assert found.top_5_accuracy == 0.5


def test_logits_are_ranked_and_not_probabilities_that_became_zero():
    """All eight classes except the first have probability 0 in float32."""
    logits = [[300.0, 1, 2, 3, 4, 5, 6, 7]] * 3
    labels = [7, 3, 1]
    found = collect_predictions(network, batches(logits, labels, [1] * 3, 3), 8)
    np.testing.assert_array_equal(found.ranked, [[0, 7, 6, 5, 4]] * 3)
    np.testing.assert_array_equal(found.probabilities, 1.0)
    hits = is_among_likeliest(tf.constant(labels), tf.constant(logits))
    assert found.top_5_accuracy == np.mean(hits) == pytest.approx(1 / 3)


def test_equal_logits_are_ranked_alike_in_the_summary_and_in_the_metrics():
    logits, labels = [[0.0] * 7] * 7, list(range(7))
    found = collect_predictions(network, batches(logits, labels, [1] * 7, 7), 7)
    hits = is_among_likeliest(tf.constant(labels), tf.constant(logits))
    assert hits.numpy().tolist() == [True] * 5 + [False] * 2
    assert found.top_5_accuracy == np.mean(hits)


def test_of_five_classes_the_right_one_is_always_among_the_first_five():
    ranked = np.arange(5, dtype=np.int32)[None]
    found = Predictions(np.array([4], np.int32), ranked, np.ones(1, np.float32), np.zeros(1, np.float32), 5)
    assert found.top_5_accuracy == 1.0
