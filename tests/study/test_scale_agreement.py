import dataclasses
import json

import numpy as np
import pytest

from eoinas_tf.study.gathered_results import Results
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
    searches = results.searches.assign(scale=scale)
    names = [cell if cell.startswith("random") else f"{cell} at {scale}" for cell in searches["cell"]]
    return dataclasses.replace(results, searches=searches.assign(genotype=[json.dumps({"normal": n}) for n in names]))


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


def test_a_point_for_each_cell_and_nothing_for_a_single_scale(two_scales, results):
    pictures = scale_pictures(two_scales)
    assert list(pictures) == ["scale_agreement", "scale_agreement_2"]
    panels = pictures["scale_agreement"].axes
    assert [len(axes.collections[0].get_offsets()) for axes in panels] == [6, 4, 3]
    assert scale_pictures(results) == {}
    assert scale_tables(results)["scale_agreement"].empty
