import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eoinas_tf.study.contestant_differences import difference_pictures, difference_tables, equal_size_differences


def with_cells(results, accuracies, sizes=None, trainings=1):
    """Returns results whose trainings are of these accuracies in percent, by contestant."""
    template = results.trainings.iloc[[0]]
    rows = [
        template.assign(
            contestant=name,
            cell=f"{name}/{number}",
            training_seed=seed,
            test_accuracy=value / 100,
            multiply_adds=sizes[name][number] if sizes else 1_000_000,
        )
        for name, values in accuracies.items()
        for number, value in enumerate(values)
        for seed in range(trainings)
    ]
    return dataclasses.replace(results, trainings=pd.concat(rows, ignore_index=True))


def differences(results, control="random", training="short"):
    table = difference_tables(results)["differences"]
    table = table[(table["control"] == control) & (table["training"] == training)]
    return table.set_index("contestant")


def test_differences_are_those_of_the_means_of_cells(results):
    """Cell eoinas/0 was trained twice, with 80 and 78 %: it counts once, with 79 %. Given networks do not compete."""
    table = differences(results)
    assert dict(table["points"]) == pytest.approx({"eoinas": 245 / 3 - 75, "gdas": 4})
    assert dict(table["sample_size"]) == {"eoinas": 3, "gdas": 3}
    assert dict(differences(results, "gdas")["points"]) == pytest.approx({"eoinas": 245 / 3 - 79, "random": -4})


def test_all_searches_together_are_compared_with_random_cells(results):
    values = {"random": [50.0, 52.0, 51.0, 50.5], "gdas": [52.0, 53.5], "snas": [51.5, 54.0, 50.0]}
    sizes = {"random": [4, 5, 6, 5], "gdas": [6, 8], "snas": [5, 9, 4]}
    (row,) = all_searches_of(with_cells(results, values, sizes))
    found = [*values["gdas"], *values["snas"]]
    expected = stats.ttest_ind(found, values["random"], equal_var=False)
    assert (row["searches"], row["random_cells"], row["points"]) == (5, 4, pytest.approx(52.2 - 50.875))
    assert [row["welch_low"], row["welch_high"]] == pytest.approx(list(expected.confidence_interval(0.95)))
    assert row["p_value"] == pytest.approx(expected.pvalue)
    # 52 beats three and ties with one; 53.5 and 54 beat all; 51.5 beats three; 50 ties with one.
    assert row["better"] == pytest.approx(100 * (3.5 + 4 + 3 + 4 + 0.5) / 20)
    # The slope that takes off each method's share takes off that of all: the methods' leftovers, by their searches.
    left = difference_tables(with_cells(results, values, sizes))["differences"].set_index("contestant")
    left = left[left["control"] == "random"]["same_multiply_adds"]
    assert row["same_multiply_adds"] == pytest.approx((2 * left["gdas"] + 3 * left["snas"]) / 5)


def test_searches_that_found_the_same_network_are_one_sample(results):
    """snas/0 has the cell of gdas/0 with a node's inputs in the other order; random/0 has it too, but was drawn."""
    values = {"random": [50.0, 52.0, 51.0, 50.5], "gdas": [52.0, 53.5], "snas": [51.0, 54.0]}
    cells = with_cells(results, values)
    found = results.searches.set_index("cell", drop=False)
    first = json.loads(found.loc["gdas/0", "genotype"])
    one, other, *others = first["normal"]
    turned = first | {"normal": [other, one, *others], "reduce_concat": first["reduce_concat"][::-1]}
    snas = found.loc[["gdas/0"]].assign(contestant="snas", cell="snas/0", genotype=json.dumps(turned))
    found.loc["random/0", "genotype"] = json.dumps(first)
    (row,) = all_searches_of(dataclasses.replace(cells, searches=pd.concat([found, snas], ignore_index=True)))
    expected = stats.ttest_ind([51.5, 53.5, 54.0], values["random"], equal_var=False)
    assert (row["searches"], row["networks"], row["random_cells"], row["points"]) == (
        4,
        3,
        4,
        pytest.approx(53 - 50.875),
    )
    assert row["p_value"] == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("values", [{"random": [50.0, 51.0], "gdas": [52.0]}, {"gdas": [52.0, 53.0]}])
def test_too_few_searches_or_random_cells_are_not_compared(results, values):
    assert all_searches_of(with_cells(results, values)) == []


def all_searches_of(results):
    return difference_tables(results)["all_searches"].to_dict("records")


def test_one_comparison_has_the_interval_and_p_of_students_t(results):
    values = {"random": [50.0, 52.0, 51.0, 50.5], "gdas": [52.0, 53.5, 51.0]}
    row = differences(with_cells(results, values)).loc["gdas"]
    expected = stats.ttest_ind(values["gdas"], values["random"])
    low, high = expected.confidence_interval(0.95)
    assert row[["points_low", "points_high"]].tolist() == pytest.approx([low, high])
    assert row["p_value"] == pytest.approx(expected.pvalue)


def test_the_interval_of_three_comparisons_is_dunnetts(results):
    """His table gives 2.54 for three treatments and 20 degrees of freedom; Student's t would be 2.09."""
    generator = np.random.default_rng(3)
    values = {name: generator.normal(50, 1, 6) for name in ("random", "gdas", "snas", "darts")}
    deviation = np.sqrt(np.mean([np.var(sample, ddof=1) for sample in values.values()]))
    table = differences(with_cells(results, values))
    half_widths = (table["points_high"] - table["points_low"]) / 2
    assert half_widths.to_numpy() == pytest.approx(np.full(3, 2.54 * deviation * np.sqrt(2 / 6)), rel=0.005)
    assert ((table["points_high"] + table["points_low"]) / 2).to_numpy() == pytest.approx(table["points"].to_numpy())


def test_controls_are_random_cells_and_the_methods_with_most_searches(results):
    values = {"random": [50.0, 51.0], "gdas": [52.0, 53.0, 54.0], "eoinas": [52.0, 53.0, 53.0], "darts": [51.0, 52.0]}
    table = difference_tables(with_cells(results, values))["differences"]
    assert list(dict.fromkeys(table["control"])) == ["random", "gdas", "eoinas"]
    assert list(table.loc[table["control"] == "gdas", "contestant"]) == ["random", "eoinas", "darts"]


def test_one_search_of_each_method_is_compared_with_random_cells_alone(results):
    table = difference_tables(with_cells(results, {"random": [50.0, 51.0], "gdas": [53.0], "darts": [52.0]}))
    assert set(table["differences"]["control"]) == {"random"}
    assert not table["differences"]["points_low"].isna().any()


@pytest.mark.parametrize(
    "values",
    [{"random": [50.0, 51.0]}, {"random": [50.0], "gdas": [51.0]}, {"random": [50.0, 50.0], "gdas": [51.0, 51.0]}],
    ids=["nothing to compare", "no variation is known", "no variation"],
)
def test_what_cannot_be_told_is_left_out(results, values):
    assert difference_tables(with_cells(results, values))["differences"].empty
    assert difference_pictures(with_cells(results, values)) == {}


def test_what_larger_networks_gain_is_taken_off():
    """Accuracy is 10 + 3 ln(size) for random cells, and a point more for gdas: 1, though gdas is better by far."""
    sizes = np.array([1e6, 2e6, 3e6, 5e6, 3e6, 5e6, 8e6, 13e6])
    names = ["random"] * 4 + ["gdas"] * 4
    cells = pd.DataFrame({"contestant": names, "parameters": sizes, "accuracy": 10 + 3 * np.log(sizes)})
    cells.loc[cells["contestant"] == "gdas", "accuracy"] += 1
    left = equal_size_differences(cells, "parameters", "random")
    assert dict(left) == pytest.approx({"random": 0, "gdas": 1})


def test_no_slope_is_told_from_few_cells_or_equal_sizes():
    cells = pd.DataFrame({"contestant": ["random"] * 4 + ["gdas"] * 3, "accuracy": range(7), "parameters": range(1, 8)})
    assert equal_size_differences(cells, "parameters", "random").isna().all()
    more = pd.concat([cells, cells], ignore_index=True)
    assert equal_size_differences(more, "parameters", "random").notna().all()
    assert equal_size_differences(more.assign(parameters=5), "parameters", "random").isna().all()


def test_the_picture_has_a_row_for_each_method(results):
    values = {"random": [50.0, 51.0, 52.0], "gdas": [53.0, 54.0], "darts": [52.0, 50.0]}
    figure = difference_pictures(with_cells(results, values))["differences"]
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gdas (2)", "darts (2)"]
    points = next(line for line in axes.lines if line.get_marker() == "D")
    assert points.get_xdata() == pytest.approx([2.5, 0])
