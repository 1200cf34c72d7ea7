import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import chisquare

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.methods.random_search import RandomSearch
from eoinas_tf.search.random_cells import random_cells
from eoinas_tf.search.search_loop import run_search
from eoinas_tf.search.search_method import SearchProblem
from eoinas_tf.space.operation_names import NONE, OPERATION_NAMES, SKIP_CONNECT


def random_search(**settings):
    config = SearchConfig(method="random_search", seed=3, random_search_cells=20, **settings)
    return RandomSearch(SearchProblem(config, OPERATION_NAMES, 5))


def derive(method, cell_accuracy):
    evidence = method.evidence()
    return method.derive(evidence, np.zeros(evidence.scores.shape, np.int64), cell_accuracy, "a source")


def test_each_operation_is_equally_likely_in_a_step_none_too():
    method = random_search()
    draw = tf.function(lambda step: method.weight_choice(step, {}).operation_index, autograph=False)
    drawn = np.array([draw(tf.constant(step, tf.int64)) for step in range(200)])
    assert chisquare(np.bincount(drawn.ravel(), minlength=8)).pvalue > 0.01
    for cell_type, edge in np.ndindex(drawn.shape[1:]):
        assert chisquare(np.bincount(drawn[:, cell_type, edge], minlength=8)).pvalue > 1e-4
    assert np.any(drawn == OPERATION_NAMES.index(NONE))
    np.testing.assert_array_equal(draw(tf.constant(7, tf.int64)), drawn[7])


def test_nothing_is_learned():
    method = random_search()
    assert method.architecture is None
    assert not method.has_architecture_steps
    assert list(method.state()) == ["living_operations"]
    np.testing.assert_array_equal(method.evidence().scores, np.full((2, 14, 8), 0.125))


@pytest.mark.parametrize(
    ("accuracies", "best"),
    [(np.arange(20) / 20, 19), (np.arange(20)[::-1] / 20, 0), (np.array([0.5] * 7 + [0.75] * 13), 7)],
    ids=["last", "first", "first of equal ones"],
)
def test_the_best_of_its_cells_is_kept(accuracies, best, capsys):
    scored = []

    def cell_accuracy(operation_index):
        scored.append(operation_index)
        return float(accuracies[len(scored) - 1])

    cells = derive(random_search(), cell_accuracy)
    np.testing.assert_array_equal(scored, list(itertools.islice(random_cells(3, OPERATION_NAMES), 20)))
    np.testing.assert_array_equal(cells.operation_index, scored[best])
    assert cells.genotype.source == "a source"
    assert f"random cell {best + 1} is the best of 20: accuracy {accuracies[best]:.3f}" in capsys.readouterr().out


def test_the_limit_on_identities_holds_for_every_cell():
    skip = OPERATION_NAMES.index(SKIP_CONNECT)
    counts = {}
    for most in (None, 0):
        scored = []
        derive(random_search(max_skip_connections=most), lambda cell, scored=scored: scored.append(cell) or 0.5)
        counts[most] = np.sum(np.array(scored)[:, 0] == skip)
    assert counts[None] > 0
    assert counts[0] == 0


def test_the_time_of_the_scoring_is_recorded(tmp_path):
    """With 30 cells it takes a third of the search's time."""
    config = SearchConfig(
        run_dir=str(tmp_path / "run"), method="random_search", dataset="digits", cells=3, init_channels=2,
        batch_size=64, epochs=1, steps_per_epoch=1, random_search_cells=2, crop_padding=1, tensorboard=False,
        operations=("none", "max_pool_3x3"), quiet=True,
    )  # fmt: skip
    run_search(config)
    epoch, scoring = [json.loads(line) for line in (tmp_path / "run" / "timing.jsonl").read_text().splitlines()]
    # The best cell is scored once more, as the found cell of every method is.
    assert (epoch["epoch"], scoring["epoch"], scoring["scored_cells"]) == (1, 1, 3)
    assert scoring["seconds"] > 0
