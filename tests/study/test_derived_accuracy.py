import dataclasses

import pandas as pd
import pytest

from eoinas_tf.study.derived_accuracy import drop_pictures, drop_tables, ranking_pictures, ranking_tables


def test_accuracy_over_the_drops(results):
    table = drop_tables(results)["drops"]
    assert table["drops"].tolist() == list(range(8))
    assert table["mean"].tolist() == pytest.approx([76 + drops for drops in range(8)])
    assert (table["sample_size"] == 2).all()


def test_rankings_are_compared_search_by_search(results):
    table = ranking_tables(results)["edge_rankings"].set_index("ranking")
    random = table.loc["edges at random"]
    assert (random["mean"], random["at_end"], random["sample_size"]) == (pytest.approx(78), pytest.approx(81), 2)
    # The searches differ by 2, the differences not at all.
    assert (random["difference"], random["t_half_width"]) == (pytest.approx(-3), pytest.approx(0))
    assert "scores at the end" not in table.index


def test_a_ranking_counts_the_searches_of_which_both_cells_are_trained(results):
    trainings = results.trainings
    is_random = (trainings["role"] == "edge_rankings") & (trainings["label"] == "edges at random")
    fewer = dataclasses.replace(results, trainings=trainings[~(is_random & (trainings["search_seed"] == 0))])
    table = ranking_tables(fewer)["edge_rankings"].set_index("ranking")
    random = table.loc["edges at random"]
    assert (random["mean"], random["at_end"], random["sample_size"]) == (pytest.approx(79), pytest.approx(82), 1)
    assert table.loc["I at the last decision", "sample_size"] == 2


def test_all_methods_together_are_a_row_if_there_are_several(results):
    own = results.trainings[results.trainings["role"] == "edge_rankings"]
    others = own.assign(contestant="gdas", cell=own["cell"].str.replace("eoinas", "gdas"), test_accuracy=0.5)
    both = dataclasses.replace(results, trainings=pd.concat([results.trainings, others], ignore_index=True))
    table = ranking_tables(both)["edge_rankings"].set_index(["contestant", "ranking"])
    row = table.loc["all methods", "edges at random"]
    assert (row["sample_size"], row["difference"]) == (4, pytest.approx(-1.5))
    assert len(ranking_tables(results)["edge_rankings"]) == 3


def test_a_line_a_search(results):
    (drops,) = drop_pictures(results).values()
    lines = [line for line in drops.axes[0].lines if len(line.get_xdata()) == 8]
    assert len(lines) == 2
    (rankings,) = ranking_pictures(results).values()
    assert sum(len(line.get_xdata()) == 4 for line in rankings.axes[0].lines) == 2


def test_a_random_cell_that_was_trained_again_counts_once(results):
    """The four cells reach 70, 80, 75 and 75 %; the first is trained again, to 60 %."""
    first = results.trainings[(results.trainings["cell"] == "random/0") & (results.trainings["training"] == "short")]
    again = first.assign(training_seed=1, test_accuracy=0.60)
    results = dataclasses.replace(results, trainings=pd.concat([results.trainings, again], ignore_index=True))
    (figure,) = drop_pictures(results).values()
    (line,) = (line for line in figure.axes[0].lines if line.get_label() == "random cells, mean")
    assert line.get_ydata()[0] == pytest.approx((65 + 80 + 75 + 75) / 4)


@pytest.mark.parametrize(
    ("role", "tables", "pictures"),
    [("edge_rankings", ranking_tables, ranking_pictures), ("drops", drop_tables, drop_pictures)],
)
def test_a_search_of_which_cells_are_missing_is_left_out(results, role, tables, pictures):
    trainings = results.trainings
    lone = trainings[trainings["role"] == role].iloc[:1].assign(cell="a search of its own", test_accuracy=0.01)
    more = dataclasses.replace(results, trainings=pd.concat([trainings, lone], ignore_index=True))
    pd.testing.assert_frame_equal(tables(more)[role], tables(results)[role])
    (figure,), (before,) = pictures(more).values(), pictures(results).values()
    assert figure.axes[0].get_ylim() == before.axes[0].get_ylim()


def test_a_search_of_the_same_name_at_another_scale_is_another_one(results):
    trainings = results.trainings
    lone = trainings[trainings["role"] == "edge_rankings"].iloc[:1].assign(scale="large")
    more = dataclasses.replace(results, trainings=pd.concat([trainings, lone], ignore_index=True))
    assert len(ranking_pictures(more)) == len(ranking_pictures(results)) == 1


def test_without_the_searchs_own_cell_there_is_nothing_to_compare(results):
    trainings = results.trainings
    for kept in (trainings["label"] != "scores at the end", trainings["role"] != "edge_rankings"):
        without = dataclasses.replace(results, trainings=trainings[kept])
        assert ranking_tables(without)["edge_rankings"].empty
        assert ranking_pictures(without) == {}
