import numpy as np
import pytest

from eoinas_tf.search.architecture_parameters import operation_weights
from eoinas_tf.search.operation_importance import (
    accuracy_per_iteration,
    mean_accuracy,
    operation_importance,
    training_iterations,
)
from eoinas_tf.search.operation_statistics import OperationCounts


def counts(weight_steps, architecture_steps, accuracy_sums):
    return OperationCounts(
        np.array(weight_steps, np.int64), np.array(architecture_steps, np.int64), np.array(accuracy_sums, np.float64)
    )


EVERYTHING_LIVES = np.array([True, True, True])


def test_training_iterations_in_each_unit():
    steps = np.array([20, 40, 90])
    living = np.array([True, True, False])
    assert training_iterations(steps, living, "steps", 10) == pytest.approx([20, 40, 90])
    assert training_iterations(steps, living, "epochs", 10) == pytest.approx([2, 4, 9])
    # The mean excludes the dropped operation: (20 + 40) / 2 = 30.
    assert training_iterations(steps, living, "relative", 10) == pytest.approx([2 / 3, 4 / 3, 3])


def test_mean_accuracy_is_that_of_the_steps_in_which_an_operation_ran():
    accuracy = mean_accuracy(counts([1, 1, 1], [4, 0, 5], [3.0, 0.0, 1.0]))
    assert accuracy == pytest.approx([0.75, np.nan, 0.2], nan_ok=True)


def test_accuracy_per_iteration_by_hand():
    # Ca = 3/6, 2/8, 4/5 and Ce = 20/10, 10/10, 40/10 epochs: C = 0.25, 0.25, 0.2.
    statistics = counts([20, 10, 40], [6, 8, 5], [3.0, 2.0, 4.0])
    assert accuracy_per_iteration(statistics, EVERYTHING_LIVES, "epochs", 10) == pytest.approx([0.25, 0.25, 0.2])


def test_an_operation_without_evidence_takes_its_edge_s_mean():
    # The second was never sampled in a weight step, the third never in an architecture step.
    statistics = counts([20, 0, 5, 10], [4, 4, 0, 4], [2.0, 4.0, 0.0, 1.0])
    living = np.array([True, True, True, True])
    # The first is 0.5 / 2 = 0.25 and the last 0.25 / 1 = 0.25; 0.75 / 1 makes their mean differ from both.
    statistics = statistics._replace(accuracy_sums=np.array([2.0, 4.0, 0.0, 3.0]))
    assert accuracy_per_iteration(statistics, living, "epochs", 10) == pytest.approx([0.25, 0.5, 0.5, 0.75])


def test_dropped_operations_give_no_evidence():
    statistics = counts([20, 0, 10], [4, 4, 4], [2.0, 4.0, 4.0])
    living = np.array([True, True, False])
    assert accuracy_per_iteration(statistics, living, "epochs", 10)[1] == pytest.approx(0.25)


def test_an_edge_without_any_evidence_has_no_accuracy_term():
    nothing = counts([0, 0, 0], [0, 0, 0], [0, 0, 0])
    importance = operation_importance(
        np.log([1.0, 2.0, 5.0]), EVERYTHING_LIVES, nothing, importance_weight=0.5, unit="epochs", steps_per_epoch=10
    )
    assert importance == pytest.approx([1 / 8, 2 / 8, 5 / 8])


def test_importance_by_hand():
    statistics = counts([20, 10, 40], [6, 8, 5], [3.0, 2.0, 4.0])
    importance = operation_importance(
        np.log([1.0, 2.0, 5.0]), EVERYTHING_LIVES, statistics, importance_weight=0.5, unit="epochs", steps_per_epoch=10
    )
    assert importance == pytest.approx([1 / 8 + 0.125, 2 / 8 + 0.125, 5 / 8 + 0.1])


def test_importance_and_architecture_weight_can_name_different_operations():
    # beta = 0.3, 0.3, 0.4 favours the last; it was trained four times as long for the same accuracy.
    logits = np.log([0.3, 0.3, 0.4])
    statistics = counts([10, 20, 40], [10, 10, 10], [6.0, 6.0, 6.0])
    beta = operation_weights(logits, EVERYTHING_LIVES)
    importance = operation_importance(
        logits, EVERYTHING_LIVES, statistics, importance_weight=0.5, unit="epochs", steps_per_epoch=10
    )
    # I = 0.3 + 0.3, 0.3 + 0.15, 0.4 + 0.075.
    assert importance == pytest.approx([0.6, 0.45, 0.475])
    assert np.argmax(beta) == 2
    assert np.argmax(importance) == 0


def test_dropped_operations_have_no_importance():
    importance = operation_importance(
        np.zeros(3),
        np.array([True, False, True]),
        counts([1, 1, 1], [1, 1, 1], [1, 1, 1]),
        importance_weight=0.5,
        unit="steps",
        steps_per_epoch=1,
    )
    assert importance[[0, 2]] == pytest.approx([1.0, 1.0])
    assert np.isnan(importance[1])


def test_an_unknown_unit_is_refused():
    with pytest.raises(KeyError, match="years"):
        training_iterations(np.ones(3), EVERYTHING_LIVES, "years", 1)


def test_edges_do_not_influence_each_other():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(2, 14, 8))
    statistics = OperationCounts(
        generator.integers(0, 5, (2, 14, 8)), generator.integers(0, 5, (2, 14, 8)), generator.uniform(size=(2, 14, 8))
    )
    living = generator.uniform(size=(2, 14, 8)) < 0.7
    living[..., 0] = True
    settings = {"importance_weight": 0.5, "unit": "relative", "steps_per_epoch": 3}
    together = operation_importance(logits, living, statistics, **settings)
    for cell_type, edge in np.ndindex(2, 14):
        alone = operation_importance(
            logits[cell_type, edge],
            living[cell_type, edge],
            OperationCounts(*(array[cell_type, edge] for array in statistics)),
            **settings,
        )
        np.testing.assert_allclose(together[cell_type, edge], alone)
