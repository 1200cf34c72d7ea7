import dataclasses

from matplotlib.text import Text

from eoinas_tf.study.found_cells import cell_pictures, cell_tables


def test_operations_are_counted_a_cell_pair(results):
    table = cell_tables(results)["found_operations"].set_index("contestant")
    assert table.loc["eoinas", "cells"] == 3
    assert (table.loc["eoinas", "sep_conv_3x3"], table.loc["eoinas", "max_pool_3x3"]) == (4, 2)


def test_own_operations_are_counted_and_drawn_where_nobody_knows_them(results):
    searches = results.searches.copy()
    own = searches["contestant"] == "eoinas"
    searches.loc[own, "genotype"] = searches.loc[own, "genotype"].str.replace("sep_conv_3x3", "wide_conv")
    results = dataclasses.replace(results, searches=searches)
    table = cell_tables(results)["found_operations"].set_index("contestant")
    assert (table.loc["eoinas", "sep_conv_3x3"], table.loc["eoinas", "wide_conv"]) == (0, 4)
    figure = cell_pictures(results)["cell_main_eoinas_normal"]
    assert any("wide" in text.get_text() for text in figure.findobj(Text))


def test_each_methods_best_cell_by_validation_is_drawn(results):
    pictures = cell_pictures(results)
    assert set(pictures) == {
        f"cell_main_{name}_{cell}" for name in ("eoinas", "gdas", "random") for cell in ("normal", "reduce")
    }
    texts = [text.get_text() for text in pictures["cell_main_eoinas_normal"].texts]
    assert "normal cell: main, eoinas, seed 0" in texts
