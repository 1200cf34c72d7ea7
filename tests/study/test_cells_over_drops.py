import numpy as np
import pytest
from small_search import OPERATIONS, drop, record, rising_weights, write_search

from eoinas_tf.study.cells_over_drops import DROP_COUNTS, cell_after_drops
from eoinas_tf.study.search_evidence import SearchEvidence

BEST, SECOND = 7, 6


@pytest.fixture
def evidence(tmp_path):
    """The best operation of every edge, by its epoch's I, is dropped first, and then the second."""
    weights = rising_weights()
    everywhere = list(np.ndindex(2, 14))
    gone = [(*position, BEST) for position in everywhere]
    drops = [
        drop(epoch, *position, operation) for epoch, operation in ((2, BEST), (3, SECOND)) for position in everywhere
    ]
    write_search(tmp_path, [record(1, weights), record(2, weights), record(3, weights, dropped=gone)], drops)
    return SearchEvidence(tmp_path)


@pytest.mark.parametrize(("label", "operation"), [("0", BEST), ("1", SECOND), ("2", SECOND - 1)])
def test_the_cell_is_derived_from_what_a_drop_left(evidence, label, operation):
    cells = cell_after_drops(evidence, label)
    assert {name for name, _ in (*cells.normal, *cells.reduce)} == {OPERATIONS[operation]}
    assert f"after {label} drops" in cells.source


def test_there_are_no_more_cells_than_drops(evidence, tmp_path):
    assert cell_after_drops(evidence, "3") is None
    assert DROP_COUNTS[-1] == "7"
    write_search(tmp_path / "without", [record(1, rising_weights())], [])
    assert cell_after_drops(SearchEvidence(tmp_path / "without"), "0") is None
