import dataclasses

import pytest

from eoinas_tf.study.recipe_agreement import agreement_pictures, agreement_tables


def test_recipes_are_compared_over_the_cells_that_both_trained(results):
    table = agreement_tables(results)["recipe_agreement"].set_index(["first", "second"])
    row = table.loc["short", "long"]
    # All but one of the differing pairs agree: one cell's mean over two runs, 79 %, ties with gdas/2.
    assert row["sample_size"] == 10
    assert row["tau"] == pytest.approx(0.9636, abs=1e-3)
    # eoinas/0; DARTS_V2, too, was trained twice, but not by the long recipe.
    assert table.loc[("short", "itself: two trainings"), "sample_size"] == 1


def test_a_point_a_cell_and_nothing_for_a_single_recipe(results):
    (figure,) = agreement_pictures(results).values()
    assert len(figure.axes[0].collections[0].get_offsets()) == 10
    short = dataclasses.replace(results, trainings=results.trainings[results.trainings["training"] == "short"])
    assert agreement_tables(short)["recipe_agreement"].empty
    assert agreement_pictures(short) == {}
