import numpy as np

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.operation_pruning import is_pruning_epoch, lowest_operations


def test_the_paper_s_schedule_drops_seven_times_in_160_epochs():
    config = SearchConfig()
    epochs = [
        epoch
        for epoch in range(1, config.epochs + 1)
        if is_pruning_epoch(epoch, config.pruning_after_epoch, config.pruning_every_epochs)
    ]
    assert epochs == [40, 60, 80, 100, 120, 140, 160]


def test_160_epochs_leave_one_operation_on_each_edge():
    generator = np.random.default_rng(1)
    living = np.ones((2, 14, 8), bool)
    left = {}
    for epoch in range(1, 161):
        if is_pruning_epoch(epoch, 20, 20):
            living &= ~lowest_operations(generator.uniform(size=living.shape), living)
            left[epoch] = set(living.sum(axis=-1).ravel())
    assert left == {40: {7}, 60: {6}, 80: {5}, 100: {4}, 120: {3}, 140: {2}, 160: {1}}


def test_the_lowest_living_importance_is_marked():
    importance = np.array([[0.1, 0.5, 0.3], [0.4, 0.2, 0.9]])
    living = np.array([[False, True, True], [True, True, True]])
    assert lowest_operations(importance, living).tolist() == [[False, False, True], [False, True, False]]


def test_the_last_operation_is_never_dropped():
    living = np.array([[False, True, False]])
    assert not lowest_operations(np.array([[0.3, 0.2, 0.1]]), living).any()


def test_of_equal_operations_the_first_goes():
    living = np.array([False, True, True, True])
    assert lowest_operations(np.full(4, 0.25), living).tolist() == [False, True, False, False]


def test_dropped_operations_may_have_no_importance():
    marked = lowest_operations(np.array([np.nan, 0.5, 0.2]), np.array([False, True, True]))
    assert marked.tolist() == [False, False, True]
