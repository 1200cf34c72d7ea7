import numpy as np

from eoinas_tf.search.edge_means import edge_means, ratio_or_edge_mean

ACCURACY = np.array([[0.2, 0.4, np.nan, 0.9], [np.nan, 0.5, 0.5, 0.5]])
ITERATIONS = np.array([[1.0, 2.0, 3.0, 0.1], [1.0, 0.0, 0.0, 0.0]])
LIVING = np.array([[True, True, True, False], [True, True, True, True]])
SAMPLED = np.array([[True, True, False, True], [False, False, False, False]])


def test_means_of_the_included_operations():
    np.testing.assert_allclose(edge_means(ACCURACY, SAMPLED & LIVING), [[0.3], [0.0]])


def test_an_operation_of_which_nothing_is_known_has_the_mean_of_the_others_that_live():
    ratio = ratio_or_edge_mean(ACCURACY, ITERATIONS, SAMPLED, LIVING)
    np.testing.assert_allclose(ratio, [[0.2, 0.2, 0.2, 9.0], [0.0, 0.0, 0.0, 0.0]])
    uneven = ratio_or_edge_mean(
        np.full(3, 0.6), np.array([1.0, 3.0, 0.0]), np.array([True, True, False]), np.ones(3, bool)
    )
    np.testing.assert_allclose(uneven, [0.6, 0.2, 0.4])
