import numpy as np
import pytest
from small_search import OPERATIONS, SHAPE, drop, record, rising_weights, write_search

from eoinas_tf.search.architecture_parameters import operation_weights
from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.search.operation_importance import operation_importance
from eoinas_tf.search.operation_statistics import OperationCounts
from eoinas_tf.study.cells_over_drops import cell_after_drops, drop_labels
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
    assert [drop_labels(OPERATIONS[:count])[-1] for count in (3, 8)] == ["2", "7"]
    assert len(drop_labels([*OPERATIONS, "wide_conv"])) == 9
    write_search(tmp_path / "without", [record(1, rising_weights())], [])
    assert cell_after_drops(SearchEvidence(tmp_path / "without"), "0") is None


@pytest.mark.parametrize("unit", ["epochs", "relative", "steps", None], ids=str)
def test_the_last_cell_is_the_one_that_a_search_would_find(generator, tmp_path, unit):
    """A search that ends scores the operations that are left anew: beta is a softmax over them alone."""
    steps = generator.multinomial(100, np.full(8, 1 / 8), size=SHAPE[:2])
    counts = OperationCounts(steps, np.full(SHAPE, 10), generator.uniform(2, 8, SHAPE))
    logits = generator.normal(size=SHAPE)
    everything = np.ones(SHAPE, bool)
    gone = [(*edge, operation) for edge in np.ndindex(*SHAPE[:2]) for operation in generator.permutation(8)[:5]]
    living = everything.copy()
    living[tuple(np.transpose(gone))] = False

    def scores(left):
        if unit is None:
            return operation_weights(logits, left)
        return operation_importance(logits, left, counts, importance_weight=0.5, unit=unit, steps_per_epoch=50)

    written = record(2, operation_weights(logits, everything), weight_steps=steps.astype(float))
    del written["importance"]
    if unit is not None:
        written = record(2, operation_weights(logits, everything), weight_steps=steps.astype(float))
        written["importance"] = {
            cell: scores(everything)[number].tolist() for number, cell in enumerate(("normal", "reduce"))
        }
    drops = [drop(2, *position) for position in gone]
    write_search(tmp_path, [written], drops, importance_iterations=unit)
    found = derive_cells(scores(living), living, np.where(living, 0, 2), OPERATIONS).genotype
    cells = cell_after_drops(SearchEvidence(tmp_path), "1")
    assert (cells.normal, cells.reduce) == (found.normal, found.reduce)
    before = derive_cells(scores(everything), living, np.where(living, 0, 2), OPERATIONS).genotype
    assert (before.normal, before.reduce) != (found.normal, found.reduce)


@pytest.mark.parametrize("ranking", ["end", "last_decision"])
def test_the_edges_of_the_last_cell_are_ranked_as_the_search_did(generator, tmp_path, ranking):
    logits = generator.normal(size=SHAPE)
    order = np.argsort(logits, axis=-1)
    dropped_at = np.zeros(SHAPE, int)
    for drop_number in range(7):
        np.put_along_axis(dropped_at, order[..., [drop_number]], drop_number + 1, axis=-1)
    metrics = [
        record(epoch, operation_weights(logits, (dropped_at == 0) | (dropped_at >= epoch)), term=0.0)
        for epoch in range(1, 8)
    ]
    drops = [drop(int(dropped_at[place]), *map(int, place)) for place in map(tuple, np.argwhere(dropped_at))]
    write_search(tmp_path, metrics, drops, edge_ranking=ranking)
    among = (dropped_at == 0) | ((dropped_at == 7) & (ranking == "last_decision"))
    found = derive_cells(operation_weights(logits, among), dropped_at == 0, dropped_at, OPERATIONS).genotype
    cells = cell_after_drops(SearchEvidence(tmp_path), "7")
    assert (cells.normal, cells.reduce) == (found.normal, found.reduce)


def test_the_limit_of_identity_operations_holds(tmp_path):
    weights = rising_weights()
    weights[..., OPERATIONS.index("skip_connect")] = 0.9
    write_search(tmp_path, [record(1, weights), record(2, weights)], [drop(2, 0, 0, 0)], max_skip_connections=2)
    cells = cell_after_drops(SearchEvidence(tmp_path), "0")
    assert [name for name, _ in cells.normal].count("skip_connect") == 2
    assert [name for name, _ in cells.reduce].count("skip_connect") == 8
