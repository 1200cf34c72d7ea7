import numpy as np
import pytest
from small_search import SHAPE, drop, record, rising_weights, write_search

from eoinas_tf.search.operation_importance import accuracy_per_iteration, operation_importance
from eoinas_tf.search.operation_statistics import OperationCounts
from eoinas_tf.study.indicator_values import READINGS, indicator_rows, readings_of_importance
from eoinas_tf.study.search_evidence import SearchEvidence

EPOCH, STEPS_PER_EPOCH, WEIGHT = 4, 50, 0.5


@pytest.mark.parametrize("unit", READINGS)
def test_every_reading_of_i_follows_from_every_other(generator, unit):
    """Compared with the search's own formula, with counts as in a search: one operation per edge and step."""
    drawn = generator.multinomial(EPOCH * STEPS_PER_EPOCH, np.full(8, 1 / 8), size=SHAPE[:2])
    architecture_steps = np.full(SHAPE, 10)
    counts = OperationCounts(drawn, architecture_steps, generator.uniform(2, 8, SHAPE))
    logits = generator.normal(size=SHAPE)
    living = np.ones(SHAPE, bool)
    expected = {
        name: operation_importance(
            logits, living, counts, importance_weight=WEIGHT, unit=name, steps_per_epoch=STEPS_PER_EPOCH
        )
        for name in READINGS
    }
    beta = expected["epochs"] - WEIGHT * accuracy_per_iteration(counts, living, "epochs", STEPS_PER_EPOCH)
    found = readings_of_importance(beta, expected[unit], WEIGHT, unit, EPOCH, STEPS_PER_EPOCH)
    assert set(found) == set(READINGS)
    for name in READINGS:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-9)


def test_what_cannot_be_known_is_left_out():
    beta = rising_weights()
    assert readings_of_importance(beta, beta, 0.0, "epochs", 2, 10) == {}
    assert set(readings_of_importance(beta, beta + 1, 0.5, "epochs", 2, None)) == {"epochs", "relative"}
    assert set(readings_of_importance(beta, beta + 1, 0.5, "steps", 2, None)) == {"steps"}


def test_a_row_for_each_operation_at_both_decisions(tmp_path):
    write_search(tmp_path, importance_iterations="epochs")
    (tmp_path / "checkpoints" / "ckpt-00000030").mkdir(parents=True)
    rows = indicator_rows(SearchEvidence(tmp_path))
    first = [row for row in rows if row["moment"] == "first decision"]
    last = [row for row in rows if row["moment"] == "last decision"]
    assert (len(first), len(last)) == (224, 223)
    row = next(
        row for row in first if (row["cell_type"], row["edge"], row["operation"]) == ("normal", 0, "skip_connect")
    )
    assert row["beta"] == pytest.approx(2 / 36)
    assert row["life"] == 2
    assert row["importance_epochs"] == pytest.approx(2 / 36 + 0.05)
    # Epoch 2 of 3 and 8 operations; 30 steps in 3 epochs.
    assert row["importance_relative"] == pytest.approx(2 / 36 + 0.05 * 2 / 8)
    assert row["importance_steps"] == pytest.approx(2 / 36 + 0.05 / 10)
    assert next(row for row in first if row["operation"] == "none")["life"] == 4


def test_a_search_without_beta_has_no_rows(tmp_path):
    write_search(tmp_path, [{"epoch": 1}], [])
    assert indicator_rows(SearchEvidence(tmp_path)) == []
    write_search(tmp_path, [record(1, rising_weights())], [], importance_weight=0)
    assert "importance_epochs" not in indicator_rows(SearchEvidence(tmp_path))[0]


def test_steps_are_those_that_the_record_counted_even_without_checkpoints(tmp_path):
    """A packed record has no checkpoints: 8 operations of 5 steps until the first drop, after epoch 2."""
    counted = {"weight_steps": np.full(SHAPE, 5.0)}
    weights = rising_weights()
    metrics = [record(1, weights), record(2, weights, **counted), record(3, weights, dropped=[(0, 0, 1)], **counted)]
    write_search(tmp_path, metrics, [drop(2, 0, 0, 1)], importance_iterations="epochs")
    row = indicator_rows(SearchEvidence(tmp_path))[1]
    assert row["importance_steps"] == pytest.approx(row["beta"] + 0.05 / 20)
