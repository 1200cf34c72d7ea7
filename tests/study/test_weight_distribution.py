import dataclasses

import pytest

from eoinas_tf.study.weight_distribution import distribution_pictures, distribution_tables


def test_the_spread_of_beta_by_method(results):
    table = distribution_tables(results)["weight_distribution"].set_index("contestant")
    own = results.indicators[results.indicators["contestant"] == "gdas"]["beta"]
    assert table.loc["gdas", "beta_count"] == len(own) == 3 * 224
    assert table.loc["gdas", "beta_std"] == pytest.approx(own.std())
    assert table.loc["gdas", "beta_std"] > table.loc["eoinas", "beta_std"]


def test_the_gap_between_an_edges_strongest_operations_by_hand(results):
    first = results.indicators[results.indicators["cell"] == "gdas/0"]
    first = first[(first["cell_type"] == "reduce") & (first["edge"] == 3)].assign(beta=[0.1] * 6 + [0.5, 0.2])
    table = distribution_tables(dataclasses.replace(results, indicators=first))["weight_distribution"]
    assert table["gap"].tolist() == [pytest.approx(0.3)]


def test_a_density_a_method_and_every_value_as_a_tick(results):
    (figure,) = distribution_pictures(results).values()
    normal, reduction = figure.axes
    ticks = [line for line in normal.lines if line.get_marker() == "|"]
    assert sorted(len(line.get_xdata()) for line in ticks) == [336, 336]
    assert len(normal.lines) == len(reduction.lines) == 4
    assert normal.get_ylim()[0] < 0 == min(normal.get_yticks())


def test_values_that_are_all_equal_have_no_density(results):
    equal = dataclasses.replace(results, indicators=results.indicators.assign(beta=0.125))
    (figure,) = distribution_pictures(equal).values()
    assert len(figure.axes[0].lines) == 2


def test_the_epoch_of_the_decision_stands_beside(results):
    later = results.indicators.assign(epoch=results.indicators["contestant"].map({"eoinas": 2, "gdas": 8}))
    later = dataclasses.replace(results, indicators=later)
    table = distribution_tables(later)["weight_distribution"].set_index("contestant")
    assert dict(table["epoch"]) == {"eoinas": 2, "gdas": 8}
    (figure,) = distribution_pictures(later).values()
    labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert labels == ["eoinas, epoch 2", "gdas, epoch 8"]
