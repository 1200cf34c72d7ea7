import numpy as np
import tensorflow as tf

from eoinas_tf.optimization.weighted_loss import mean_loss

LOSSES = tf.constant([1.0, 2.0, 3.0, 4.0])
LABELS = tf.constant([0, 1, 1, 2])
FACTORS = np.array([0.5, 1.0, 4.0], np.float32)


def test_the_weighted_mean_by_hand():
    # (0.5 * 1 + 2 + 3 + 4 * 4) / 4
    assert mean_loss(LOSSES, LABELS, FACTORS).numpy() == 5.375


def test_the_mean_of_parts_is_that_of_the_whole_whatever_classes_they_hold():
    parts = [mean_loss(LOSSES[part], LABELS[part], FACTORS) for part in (slice(0, 2), slice(2, 4))]
    assert np.mean(parts) == 5.375


def test_without_factors_the_graph_is_that_of_the_mean():
    graphs = [
        tf.function(function).get_concrete_function().graph.as_graph_def()
        for function in (lambda: mean_loss(LOSSES, LABELS, None), lambda: tf.reduce_mean(LOSSES))
    ]
    assert [node.op for node in graphs[0].node] == [node.op for node in graphs[1].node]
    assert mean_loss(LOSSES, LABELS, None).numpy() == 2.5
