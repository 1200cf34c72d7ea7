import json

import numpy as np
import pytest
from small_search import OPERATIONS, SHAPE, by_cell, write_search

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.study.search_evidence import SearchEvidence, search_folders


@pytest.fixture
def evidence(tmp_path):
    write_search(tmp_path / "search")
    return SearchEvidence(tmp_path / "search")


def test_decisions_are_the_records_of_the_drops(evidence):
    assert evidence.first_decision()["epoch"] == 2
    assert evidence.last_decision()["epoch"] == 3
    assert evidence.operations == OPERATIONS


def test_arrays_are_cells_by_edges_by_operations_with_nan_where_dropped(evidence):
    first, last = evidence.first_decision(), evidence.last_decision()
    assert evidence.weights(first).shape == evidence.importance(first).shape == SHAPE
    assert not np.isnan(evidence.weights(first)).any()
    assert np.isnan(evidence.scores(last)[0, 0, 1])
    epochs = evidence.drop_epochs()
    assert (epochs[0, 0, 1], epochs[1, 13, 2], np.count_nonzero(epochs)) == (2, 3, 2)


def test_columns_that_a_method_does_not_write_are_none(tmp_path):
    record = {
        "epoch": 1,
        "accuracy": 0.5,
        "operations": ["none", "skip_connect"],
        "counts": by_cell(np.full((2, 14, 2), 7.0)),
    }
    write_search(tmp_path / "a", [record], [])
    evidence = SearchEvidence(tmp_path / "a")
    assert evidence.operations == ("none", "skip_connect")
    assert evidence.weights(record) is evidence.importance(record) is evidence.scores(record) is None
    assert evidence.first_decision() is not None
    record["probability"] = by_cell(np.full((2, 14, 2), 0.5))
    np.testing.assert_array_equal(evidence.scores(record), np.full((2, 14, 2), 0.5))


def test_a_search_of_several_seeds_has_a_folder_for_each(tmp_path):
    for seed in (10, 2):
        (tmp_path / f"seed_{seed}").mkdir()
    assert [path.name for path in search_folders(tmp_path)] == ["seed_2", "seed_10"]
    assert search_folders(tmp_path / "seed_2") == [tmp_path / "seed_2"]


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="is not the folder of a search"):
        SearchEvidence(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({}))
    assert SearchEvidence(tmp_path).first_decision() is None
