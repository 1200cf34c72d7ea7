import numpy as np
import tensorflow as tf

from eoinas_tf.search.operation_statistics import OperationStatistics


def test_counts_what_was_sampled():
    statistics = OperationStatistics((2, 3, 4))
    first = tf.constant([[0, 1, 2], [3, 3, 0]])
    second = tf.constant([[0, 2, 2], [1, 3, 0]])
    statistics.add_weight_step(first)
    statistics.add_weight_step(second)
    statistics.add_architecture_step(first, tf.constant(0.25))
    statistics.add_architecture_step(second, tf.constant(0.5))
    weight_steps, architecture_steps, accuracy_sums = statistics.counts()
    expected = np.zeros((2, 3, 4))
    sums = np.zeros((2, 3, 4))
    for sample, accuracy in ((first.numpy(), 0.25), (second.numpy(), 0.5)):
        for cell_type, edge in np.ndindex(2, 3):
            expected[cell_type, edge, sample[cell_type, edge]] += 1
            sums[cell_type, edge, sample[cell_type, edge]] += accuracy
    np.testing.assert_array_equal(weight_steps, expected)
    np.testing.assert_array_equal(architecture_steps, expected)
    np.testing.assert_array_equal(accuracy_sums, sums)
