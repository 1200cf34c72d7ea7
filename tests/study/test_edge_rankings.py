import json

import numpy as np
import pytest
from small_search import GENOTYPE, OPERATIONS, all_dropped_but, by_cell, record, rising_weights, write_search

from eoinas_tf.space.cell_topology import incoming_edges
from eoinas_tf.study.edge_rankings import RANKING_NAMES, cell_by_ranking
from eoinas_tf.study.search_evidence import SearchEvidence

SURVIVOR = 3


@pytest.fixture
def search(tmp_path):
    """One operation is left on each edge; beta rises from edge to edge and I falls."""
    metrics, drops = all_dropped_but(np.full((2, 14), SURVIVOR))
    weights = rising_weights()
    weights[..., SURVIVOR] = np.linspace(0.1, 0.2, 14)
    importance = weights.copy()
    importance[..., SURVIVOR] = np.linspace(0.9, 0.1, 14)
    metrics[1]["operation_weight"] = by_cell(weights)
    metrics[1]["importance"] = by_cell(importance)
    write_search(tmp_path, metrics, drops)
    return tmp_path


def nodes(cells):
    return [node for _, node in cells.normal]


def test_edges_are_ranked_by_i_or_by_beta_of_the_survivors_at_the_last_decision(search):
    evidence = SearchEvidence(search)
    by_importance = cell_by_ranking(evidence, "I at the last decision")
    by_beta = cell_by_ranking(evidence, "beta at the last decision")
    assert nodes(by_importance) == [0, 1, 0, 1, 0, 1, 0, 1]
    assert nodes(by_beta) == [1, 0, 2, 1, 3, 2, 4, 3]
    for cells in (by_importance, by_beta):
        assert {name for name, _ in (*cells.normal, *cells.reduce)} == {OPERATIONS[SURVIVOR]}


def test_the_searchs_own_cell_is_the_first_of_the_four(search):
    assert cell_by_ranking(SearchEvidence(search), RANKING_NAMES[0]) == GENOTYPE


def test_a_search_that_ranks_by_the_last_decision_has_scores_at_the_end_too(search):
    """What it found is another cell then; the scores at the end are those of its last evidence."""
    config = (search / "config.json").read_text()
    (search / "config.json").write_text(config.replace("{", '{"edge_ranking": "last_decision", ', 1))
    assert cell_by_ranking(SearchEvidence(search), RANKING_NAMES[0]) is None  # It recorded none.
    scores = np.full((2, 14, 8), np.nan)
    scores[..., SURVIVOR] = np.linspace(1.0, 1.2, 14)
    (search / "final_evidence.json").write_text(json.dumps({"score": "importance", "importance": by_cell(scores)}))
    cells = cell_by_ranking(SearchEvidence(search), RANKING_NAMES[0])
    assert nodes(cells) == [1, 0, 2, 1, 3, 2, 4, 3]


def test_random_edges_follow_from_the_seed_alone_and_differ_between_seeds(search):
    found = set()
    for seed in range(6):
        config = (search / "config.json").read_text()
        (search / "config.json").write_text(config.replace('"seed": 3', f'"seed": {seed}'))
        cells = [cell_by_ranking(SearchEvidence(search), "edges at random") for _ in range(2)]
        assert cells[0] == cells[1]
        found.add(tuple(nodes(cells[0])))
        (search / "config.json").write_text(config)
    assert len(found) > 3
    for one in found:
        assert all(len(set(one[2 * node : 2 * node + 2])) == 2 for node in range(4))
    assert len(incoming_edges(5)) == 5


def test_without_drops_there_is_nothing_to_rank(tmp_path):
    write_search(tmp_path, [record(1, rising_weights())], [])
    assert all(cell_by_ranking(SearchEvidence(tmp_path), label) is None for label in RANKING_NAMES)


def test_the_limit_of_identity_operations_holds(tmp_path):
    survivors = np.full((2, 14), OPERATIONS.index("skip_connect"))
    survivors[:, ::2] = SURVIVOR
    metrics, drops = all_dropped_but(survivors)
    importance = rising_weights()
    importance[..., OPERATIONS.index("skip_connect")] = 0.9
    metrics[1]["importance"] = by_cell(importance)
    write_search(tmp_path, metrics, drops, max_skip_connections=1)
    cells = cell_by_ranking(SearchEvidence(tmp_path), "I at the last decision")
    write_search(tmp_path / "without", metrics, drops)
    free = cell_by_ranking(SearchEvidence(tmp_path / "without"), "I at the last decision")
    counts = [[name for name, _ in one.normal].count("skip_connect") for one in (cells, free)]
    assert counts[0] == 1 < counts[1]
