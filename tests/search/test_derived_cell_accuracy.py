import numpy as np
import tensorflow as tf

from eoinas_tf.search.derived_cell_accuracy import derived_cell_accuracy
from eoinas_tf.supernet.choice import Sampled


def test_counts_each_image_of_weight_1_once(search):
    index = np.random.default_rng(0).integers(0, 8, (2, 14))
    predictions = search.step.classify(search.images, tf.constant(index, tf.int32)).numpy()
    labels = predictions.copy()
    labels[1] = (labels[1] + 1) % 3  # One of four is wrong.
    batches = [
        (search.images, tf.constant(labels), tf.constant([1.0, 1.0, 1.0, 1.0])),
        (search.images, tf.constant(labels), tf.constant([1.0, 1.0, 0.0, 0.0])),
    ]
    assert derived_cell_accuracy(search.step, index, batches) == (3 + 1) / 6


def test_another_sub_network_says_something_else(search):
    skip, separable = np.full((2, 14), 1), np.full((2, 14), 2)
    first, second = (
        search.network(search.images, Sampled(tf.constant(index, tf.int32))) for index in (skip, separable)
    )
    assert np.abs(first - second).max() > 1e-3
