import dataclasses

import numpy as np
import pandas as pd
import pytest

from eoinas_tf.study.operation_correlation import correlation_pictures, correlation_tables


@pytest.fixture(scope="module")
def tables(results):
    return correlation_tables(results)


def test_candidates_stand_beside_their_indicators(tables):
    table = tables["candidates"].set_index("operation")
    assert len(table) == 7
    first = table.loc["skip_connect"]
    assert (first["mean"], first["min"], first["max"], first["count"]) == (
        pytest.approx(70.2),
        70,
        pytest.approx(70.4),
        2,
    )
    assert (first["beta"], first["importance_epochs"], first["life"]) == (pytest.approx(0.11), pytest.approx(0.19), 3)


def test_taus_of_perfect_and_of_inverse_rankings(tables):
    taus = tables["candidate_correlations"].set_index("indicator")
    assert taus.loc["beta", "tau"] == pytest.approx(1)
    assert taus.loc["I (epochs)", "tau"] == pytest.approx(-1)
    assert taus.loc["order of the drops", "tau"] == pytest.approx(1)
    assert (taus["sample_size"] == 7).all()
    assert taus.loc["two trainings of the same cells", "tau"] == pytest.approx(1)
    # The two runs differ by 0.4 points, the seven operations by a point each.
    spread = np.var([70 + number + 0.2 * (-1) ** number for number in range(7)], ddof=1)
    expected = 2 / np.pi * np.arcsin(np.sqrt(1 - 0.08 / 2 / spread))
    assert taus.loc["noise ceiling (estimate)", "tau"] == pytest.approx(expected)


def test_both_figures_are_drawn(results):
    figures = correlation_pictures(results)
    assert set(figures) == {"figure_1", "figure_2c"}
    shown = [axes for axes in figures["figure_1"].axes if axes.get_visible()]
    assert [axes.get_xlabel() for axes in shown] == [
        "beta", "I (epochs)", "I (relative)", "I (steps)", "order of the drops",
    ]  # fmt: skip
    (ranks,) = figures["figure_2c"].axes
    line = next(line for line in ranks.lines if line.get_ydata()[0] == 1)
    # Best by accuracy, first by beta, last by I.
    assert list(line.get_ydata()) == [1, 1, 7, 7, 1, 1]


def test_the_candidates_of_two_edges_are_compared_apart(results):
    own = results.trainings[results.trainings["role"] == "candidates"]
    other = own.assign(edge_cell="reduce", edge=3, test_accuracy=1 - own["test_accuracy"])
    both = dataclasses.replace(results, trainings=pd.concat([results.trainings, other], ignore_index=True))
    tables = correlation_tables(both)
    first = tables["candidates"][tables["candidates"]["edge_cell"] == "normal"].set_index("operation")
    assert first.loc["skip_connect", "mean"] == pytest.approx(70.2)
    assert len(tables["candidates"]) == 14
    assert len(correlation_pictures(both)) == 4


def test_candidates_of_a_method_that_judges_no_operation_are_only_tabulated(results):
    own = results.trainings[results.trainings["role"] == "candidates"].assign(contestant="random", cell="random/0")
    drawn = dataclasses.replace(results, trainings=own)
    assert len(correlation_tables(drawn)["candidates"]) == 7
    assert correlation_pictures(drawn) == {}
