import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from eoinas_tf.study.gathered_results import COLUMNS, Results
from eoinas_tf.study.scale_agreement import scale_pictures, scale_tables

PAIR = ("main, short", "large, short")


@pytest.fixture(scope="module")
def two_scales(results):
    """The made-up study, and its short recipe at a larger scale.

    There, random cell 0 is the best and the other random cells are as good as here. Of all else, what is better here is
    worse there.
    """
    first = with_genotypes(results, "main")
    here = first.trainings[first.trainings["training"] == "short"].assign(scale="large")
    others = (1.5 - here["test_accuracy"]).where(here["contestant"] != "random", here["test_accuracy"])
    there = here.assign(test_accuracy=others.where(here["cell"] != "random/0", 0.95))
    return Results.joined([first, dataclasses.replace(with_genotypes(results, "large"), trainings=there)])


def with_genotypes(results, scale):
    """Returns the results with cells that differ, of which only the random ones are the same at all scales."""
    tables = {name: getattr(results, name).assign(scale=scale) for name in COLUMNS}
    searches = tables["searches"]
    names = [cell if cell.startswith("random") else f"{cell} at {scale}" for cell in searches["cell"]]
    tables["searches"] = searches.assign(genotype=[json.dumps({"normal": name}) for name in names])
    return Results(**tables)


def test_what_is_the_same_is_compared_between_scales(two_scales):
    table = scale_tables(two_scales)["scale_agreement"].set_index(["first", "second", "compared"])
    # Accuracies of 70, 80, 75, 75 here and 95, 80, 75, 75 there: two pairs agree, three do not, one is tied in both.
    assert table.loc[(*PAIR, "random cells"), "tau"] == pytest.approx(-1 / 5)
    assert table.loc[(*PAIR, "random cells"), "sample_size"] == 4
    # With DARTS_V2 (82, and 68 there) and the residual network (77, and 73), but without the cells of the methods.
    assert table.loc[(*PAIR, "all cells and networks"), "sample_size"] == 6
    # Of eoinas, gdas and random, the means are 81.67, 79 and 75 here, and 68.33, 71 and 81.25 there.
    assert table.loc[(*PAIR, "means of the methods"), "tau"] == -1


def test_recipes_of_one_scale_are_not_compared(two_scales):
    table = scale_tables(two_scales)["scale_agreement"]
    assert set(zip(table["first"], table["second"], strict=True)) == {PAIR, ("main, long", "large, short")}


def test_the_noise_ceiling_counts_the_noise_of_both_scales(two_scales):
    """By hand: the variance between the runs of eoinas/0 and of DARTS_V2 is 2 points squared at both scales."""
    table = scale_tables(two_scales)["scale_agreement"].set_index(["first", "second", "compared"])
    here, there = (1 - 2 / np.var(accuracies, ddof=1) for accuracies in ([70, 80, 75, 75], [95, 80, 75, 75]))
    expected = 2 / np.pi * np.arcsin(np.sqrt(here * there))
    assert table.loc[(*PAIR, "random cells"), "ceiling"] == pytest.approx(expected)
    # Nothing was trained twice by the long recipe but eoinas/0, whose second run was short.
    assert np.isnan(table.loc[("main, long", "large, short", "random cells"), "ceiling"])


def test_beside_networks_far_below_no_ceiling_is_claimed(two_scales):
    table = scale_tables(two_scales)["scale_agreement"].set_index(["first", "second", "compared"])
    for name in ("all cells and networks", "means of the methods"):
        assert np.isnan(table.loc[(*PAIR, name), "ceiling"])
    # The second runs of eoinas/0 and of DARTS_V2.
    assert table.loc[(*PAIR, "random cells"), "noise_degrees"] == 2


def test_a_cell_that_two_searches_found_is_no_noise(two_scales):
    trainings = two_scales.trainings
    row = trainings[(trainings["cell"] == "gdas/0") & (trainings["scale"] == "main")]
    again = row.assign(cell="gdas/9", search_seed=9)
    found = two_scales.searches[(two_scales.searches["cell"] == "gdas/0") & (two_scales.searches["scale"] == "main")]
    more = dataclasses.replace(
        two_scales,
        trainings=pd.concat([trainings, again], ignore_index=True),
        searches=pd.concat([two_scales.searches, found.assign(cell="gdas/9", seed=9)], ignore_index=True),
    )
    pd.testing.assert_frame_equal(
        scale_tables(more)["scale_agreement"].drop(columns="tau"),
        scale_tables(two_scales)["scale_agreement"].drop(columns="tau"),
    )


def test_the_mean_of_a_method_counts_each_search_even_of_the_same_cell(two_scales):
    """With 78, 80 and 79 %, and ten more searches that found the first cell, gdas has a mean of 78.2 %, not of 79."""
    is_first = (two_scales.trainings["cell"] == "gdas/0") & (two_scales.trainings["scale"] == "main")
    found = two_scales.searches[(two_scales.searches["cell"] == "gdas/0") & (two_scales.searches["scale"] == "main")]
    seeds = range(10, 20)
    again = [two_scales.trainings[is_first].assign(cell=f"gdas/{seed}", search_seed=seed) for seed in seeds]
    more = dataclasses.replace(
        two_scales,
        trainings=pd.concat([two_scales.trainings, *again], ignore_index=True),
        searches=pd.concat([two_scales.searches, *(found.assign(cell=f"gdas/{seed}", seed=seed) for seed in seeds)]),
    )
    picture = scale_pictures(more)["scale_agreement"]
    x = picture.axes[-1].collections[0].get_offsets()[:, 0]
    assert pytest.approx((11 * 78 + 80 + 79) / 13) in list(x)


def test_methods_are_compared_where_no_cell_is_shared(two_scales):
    methods = two_scales.trainings[two_scales.trainings["role"] == "found"]
    others = methods[methods["contestant"] == "random"].assign(contestant="snas", cell="snas/0")
    kept = pd.concat([methods[methods["contestant"] != "random"], others], ignore_index=True)
    snas = two_scales.searches[two_scales.searches["cell"] == "gdas/0"].assign(contestant="snas", cell="snas/0")
    searches = pd.concat([two_scales.searches, snas.assign(genotype=snas["genotype"] + " ")], ignore_index=True)
    only = dataclasses.replace(two_scales, trainings=kept, searches=searches)
    assert set(scale_tables(only)["scale_agreement"]["compared"]) == {"means of the methods"}
    assert [len(figure.axes) for figure in scale_pictures(only).values()] == [1, 1]


def test_a_point_for_each_cell_and_nothing_for_a_single_scale(two_scales, results):
    pictures = scale_pictures(two_scales)
    assert list(pictures) == ["scale_agreement", "scale_agreement_2"]
    panels = pictures["scale_agreement"].axes
    assert [len(axes.collections[0].get_offsets()) for axes in panels] == [6, 4, 3]
    assert scale_pictures(results) == {}
    assert scale_tables(results)["scale_agreement"].empty
