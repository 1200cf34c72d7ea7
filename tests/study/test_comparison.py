import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest

from eoinas_tf.experiment.figure_files import figure_to_png
from eoinas_tf.study.comparison import comparison_pictures, comparison_tables


@pytest.fixture(scope="module")
def tables(results):
    return comparison_tables(results)


def row(tables, contestant, training="short"):
    table = tables["comparison"]
    (found,) = table[(table["contestant"] == contestant) & (table["training"] == training)].to_dict("records")
    return found


def test_a_methods_values_are_its_cells_and_a_networks_its_trainings(tables):
    """Cell eoinas/0 was trained twice, with 80 and 78 %: it counts once, with 79 %."""
    eoinas = row(tables, "eoinas")
    assert (eoinas["sample_size"], eoinas["trainings"]) == (3, 4)
    assert eoinas["mean"] == pytest.approx((79 + 82 + 84) / 3)
    assert eoinas["deviation"] == pytest.approx(np.std([79, 82, 84], ddof=1))
    darts = row(tables, "DARTS_V2")
    assert (darts["sample_size"], darts["mean"]) == (2, pytest.approx(82))
    assert np.isnan(row(tables, "residual network")["deviation"])


def test_improvement_over_random_cells_by_hand(tables):
    assert row(tables, "random")["mean"] == pytest.approx(75)
    assert row(tables, "random")["improvement"] == pytest.approx(0)
    assert row(tables, "gdas")["improvement"] == pytest.approx(100 * 4 / 75)
    assert row(tables, "gdas", "long")["improvement"] == pytest.approx(100 * 4 / 85)
    assert row(tables, "residual network")["improvement"] == pytest.approx(100 * 2 / 75)


def test_validation_picks_one_cell_of_a_method(tables):
    """Accuracy - 0.1 seed: of eoinas 0.80, 0.72, 0.64, so the cell of 79 %."""
    assert row(tables, "eoinas")["picked"] == pytest.approx(79)
    assert np.isnan(row(tables, "random")["picked"])


def test_costs_and_failures_stand_beside(tables):
    eoinas = row(tables, "eoinas")
    assert (eoinas["parameters"], eoinas["search_seconds"]) == (0.25, 101)
    assert (eoinas["skips"], eoinas["none_edges"], eoinas["warnings"]) == (2, 2, 3)
    assert eoinas["multiply_adds"] == pytest.approx(6.82)
    assert np.isnan(row(tables, "DARTS_V2")["search_seconds"])


def test_three_kinds_of_deviation_by_hand(tables):
    noise = tables["noise"].set_index("training").loc["short"]
    # Twice trained: eoinas/0 with 80 and 78, DARTS_V2 with 81 and 83; the variance of each is 2.
    assert noise["between_trainings"] == pytest.approx(np.sqrt(2))
    squares = sum(np.var(values) * len(values) for values in ([79, 82, 84], [78, 80, 79], [70, 80, 75, 75]))
    assert noise["between_cells"] == pytest.approx(np.sqrt(squares / 7))
    assert noise["between_methods"] == pytest.approx(np.std([245 / 3, 79, 75], ddof=1))


def test_every_training_is_a_point(results):
    figures = comparison_pictures(results)
    for axes, training in zip(figures["accuracy"].axes, ("short", "long"), strict=True):
        own = results.trainings[results.trainings["training"] == training]
        own = own[own["role"].isin(["found", "fixed"])]
        points = np.concatenate([dots.get_offsets()[:, 0] for dots in axes.collections if len(dots.get_offsets())])
        for accuracy in own["test_accuracy"]:
            assert np.isclose(points, 100 * accuracy).any()
        low, high = axes.get_xlim()
        assert low < 100 * own["test_accuracy"].min()
        assert high > 100 * own["test_accuracy"].max()
    assert len(figures["accuracy_over_multiply_adds"].axes) == 2


def test_a_panel_is_as_high_as_it_has_rows(results):
    short = results.trainings["training"] == "short"
    few = results.trainings[short | (results.trainings["contestant"] == "gdas")]
    first, second = comparison_pictures(dataclasses.replace(results, trainings=few))["accuracy"].axes
    ratio = first.get_subplotspec().get_gridspec().get_height_ratios()
    assert (len(first.get_yticks()), len(second.get_yticks())) == (5, 1)
    assert ratio == pytest.approx([1.3 + 0.42 * 5, 1.3 + 0.42])


def test_points_that_find_no_place_are_drawn_without_a_warning(results):
    cells = results.trainings[results.trainings["contestant"] == "random"].iloc[[0]]
    many = pd.concat([results.trainings, *[cells.assign(cell=f"random/{number}") for number in range(4, 90)]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure_to_png(comparison_pictures(dataclasses.replace(results, trainings=many))["accuracy"], 90)


def test_a_point_far_from_all_others_is_an_arrow_at_the_edge(results):
    trainings = results.trainings.copy()
    (first, *_) = trainings.index[(trainings["role"] == "fixed") & (trainings["training"] == "short")]
    trainings.loc[first, "test_accuracy"] = 0.05
    figures = comparison_pictures(dataclasses.replace(results, trainings=trainings))
    others = trainings[(trainings["training"] == "short") & trainings["role"].isin(["found", "fixed"])].drop(first)
    for name, limits in (("accuracy", "get_xlim"), ("accuracy_over_multiply_adds", "get_ylim")):
        axes = figures[name].axes[0]
        low, high = getattr(axes, limits)()
        assert 5 < low < 100 * others["test_accuracy"].min() < 100 * others["test_accuracy"].max() < high
        (arrow,) = axes.texts
        assert arrow.get_text().endswith(" 5.0")
        assert low in arrow.xy
        assert not figures[name].axes[1].texts


def test_without_trainings_there_is_nothing(results):
    empty = dataclasses.replace(results, trainings=results.trainings[:0])
    assert comparison_pictures(empty) == {}
    assert all(table.empty for table in comparison_tables(empty).values())
    assert isinstance(comparison_tables(empty)["noise"], pd.DataFrame)
