import numpy as np

from eoinas_tf.search.edge_ranking import ranked_operations

# By edge: one operation left and two dropped; two left; none dropped.
LIVING = np.array([[False, True, False], [True, False, True], [True, True, True]])
DROPPED = np.array([[4, 0, 6], [0, 6, 0], [0, 0, 0]])


def test_a_single_operation_is_ranked_together_with_its_last_rival():
    expected = [[False, True, True], [True, False, True], [True, True, True]]
    np.testing.assert_array_equal(ranked_operations(LIVING, DROPPED, "last_decision"), expected)


def test_at_the_end_the_living_operations_count_alone():
    np.testing.assert_array_equal(ranked_operations(LIVING, DROPPED, "end"), LIVING)


def test_an_edge_that_never_had_a_rival_stays_alone():
    living = np.array([[True, False]])
    np.testing.assert_array_equal(ranked_operations(living, np.zeros((1, 2), int), "last_decision"), living)
