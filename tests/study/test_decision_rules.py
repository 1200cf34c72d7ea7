import numpy as np
import pytest
from small_search import SHAPE, drop, record, rising_weights, write_search

from eoinas_tf.search.operation_importance import operation_importance
from eoinas_tf.search.operation_statistics import OperationCounts
from eoinas_tf.space.cell_topology import CELL_TYPES
from eoinas_tf.study.decision_rules import decision_rows, exploration_bonus
from eoinas_tf.study.search_evidence import SearchEvidence

BETA = [0.05, 0.06, 0.1, 0.1, 0.1, 0.1, 0.2, 0.29]
CE = [1.0, 4.0, 2.0, 2.0, 2.0, 2.0, 2.0, 8.0]


def everywhere(values):
    return np.broadcast_to(values, SHAPE).copy()


def rows_of(folder, metrics, drops, **config):
    write_search(folder, metrics, drops, **config)
    return decision_rows(SearchEvidence(folder))


@pytest.fixture
def columns():
    """On the last edge, the third operation has never been right."""
    accuracy = np.full(SHAPE, 0.4)
    accuracy[1, 13, 2] = 0.0
    return {"accuracy": accuracy, "training_iterations": everywhere(CE)}


def test_the_bonus_by_hand():
    accuracy, iterations = np.array([0.2, 0.4, np.nan, 0.6, 0.9]), np.array([1.0, 2.0, 0.0, 4.0, 1.0])
    living = np.array([True, True, True, True, False])
    bonus = exploration_bonus(accuracy, iterations, living & (iterations > 0), living)
    np.testing.assert_allclose(bonus[:4], [0.4, 0.2, 0.7 / 3, 0.1])
    assert exploration_bonus(accuracy, np.zeros(5), np.zeros(5, bool), living).tolist() == [0.0] * 5


def test_the_rules_by_hand(tmp_path, columns):
    """By beta the first operation would go; by the bonus the last; by both the second, as by I on the first edge."""
    (row,) = rows_of(tmp_path, [record(2, everywhere(BETA), **columns)], [drop(2, 0, 0, 1), drop(2, 1, 13, 2)])
    assert {name: row[name] for name in ("epoch", "edges", "by_beta", "by_bonus", "by_both", "by_chance")} == {
        "epoch": 2, "edges": 2, "by_beta": 0.0, "by_bonus": 0.0, "by_both": 1.0, "by_chance": 0.25,
    }  # fmt: skip
    assert row["accuracy_variation"] == pytest.approx(np.sqrt(0.0175) / 0.35 / 2)
    assert row["iterations_variation"] == pytest.approx(np.sqrt(4.359375) / 2.875)
    (row,) = rows_of(tmp_path, [record(2, everywhere(BETA), **columns)], [drop(2, 0, 0, 0), drop(2, 1, 13, 7)])
    assert (row["by_beta"], row["by_bonus"], row["by_both"]) == (1.0, 1.0, 0.0)


def test_what_was_dropped_before_is_not_dropped_again(tmp_path, columns):
    metrics = [record(2, everywhere(BETA), **columns), record(3, everywhere(BETA), dropped=[(0, 0, 0)], **columns)]
    first, second = rows_of(tmp_path, metrics, [drop(2, 0, 0, 0), drop(3, 0, 0, 1)])
    assert (first["by_beta"], first["by_both"], first["by_chance"]) == (1.0, 0.0, 1 / 8)
    assert (second["by_beta"], second["by_both"], second["by_chance"]) == (1.0, 1.0, 1 / 7)
    equal = {**columns, "training_iterations": everywhere(np.ones(8))}
    (row,) = rows_of(tmp_path, [record(3, everywhere(BETA), dropped=[(0, 0, 0)], **equal)], [drop(3, 0, 0, 1)])
    assert row["by_bonus"] == 1.0  # Of operations with equal bonuses, the first living one.


def test_several_operations_of_an_edge_are_compared_as_a_set(tmp_path, columns):
    metrics = [record(2, everywhere(BETA), **columns)]
    (row,) = rows_of(tmp_path, metrics, [drop(2, 0, 0, 1), drop(2, 0, 0, 0)])
    assert (row["edges"], row["by_beta"], row["by_bonus"], row["by_chance"]) == (1, 1.0, 0.0, 1 / 28)


def test_with_equal_accuracies_the_importance_is_beta_and_the_bonus(tmp_path):
    generator = np.random.default_rng(0)
    logits, living = generator.normal(0, 0.1, SHAPE), np.ones(SHAPE, bool)
    steps = generator.integers(0, 30, SHAPE).astype(float)
    tests = generator.integers(0, 30, SHAPE).astype(float)
    counts = OperationCounts(weight_steps=steps, architecture_steps=tests, accuracy_sums=0.3 * tests)
    importance = operation_importance(logits, living, counts, importance_weight=0.5, unit="epochs", steps_per_epoch=40)
    weights = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    columns = {
        "accuracy": np.where(tests > 0, 0.3, np.nan),
        "training_iterations": steps / 40,
        "importance": importance,
    }
    lowest = np.argmin(importance, axis=-1)
    drops = [drop(1, *edge, lowest[edge]) for edge in np.ndindex(lowest.shape)]
    (row,) = rows_of(tmp_path, [record(1, weights, **columns)], drops)
    assert row["by_both"] == row["edges"] == 28 == len(CELL_TYPES) * 14
    assert row["by_beta"] < 14
    assert row["accuracy_variation"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("is_without", ["lambda", "accuracy", "drops"])
def test_searches_without_importance_have_no_rows(tmp_path, columns, is_without):
    columns = {} if is_without == "accuracy" else columns
    drops = [] if is_without == "drops" else [drop(2, 0, 0, 0)]
    importance_weight = 0.0 if is_without == "lambda" else 0.5
    metrics = [record(2, rising_weights(), **columns)]
    assert rows_of(tmp_path, metrics, drops, importance_weight=importance_weight) == []
