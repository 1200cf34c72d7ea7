import dataclasses

import pytest

from eoinas_tf.study.decision_agreement import decision_pictures, decision_tables


def test_percentages_of_all_drops_by_method(results):
    (row,) = decision_tables(results)["decision_agreement"].to_dict("records")
    assert (row["contestant"], row["searches"], row["edges"]) == ("eoinas", 3, 90)
    # 3 * (2 + 4), 2 * (3 + 4 + 5), 3 * (9 + 18) and 3 * (1.25 + 2.5) of 90 drops.
    shares = [row[name] for name in ("by_beta", "by_bonus", "by_both", "by_chance")]
    assert shares == pytest.approx([20.0, 100 * 24 / 90, 90.0, 12.5])
    # The second drop, of twice as many edges, counts twice.
    assert row["iterations_variation"] == pytest.approx(100 * (0.1 + 2 * 0.2) / 3)
    assert row["accuracy_variation"] == pytest.approx(3.0)


def test_a_line_a_rule_over_the_drops(results):
    (figure,) = decision_pictures(results).values()
    (axes,) = figure.axes
    lines = {text.get_text(): line for text, line in zip(axes.get_legend().get_texts(), axes.get_lines(), strict=False)}
    assert list(lines) == ["beta alone", "the bonus alone", "beta and the bonus", "chance"]
    assert lines["beta alone"].get_ydata().tolist() == pytest.approx([20.0, 20.0])
    assert lines["the bonus alone"].get_ydata().tolist() == pytest.approx([40.0, 20.0])
    assert lines["chance"].get_xdata().tolist() == [2, 4]


def test_a_study_without_the_importance_has_neither(results):
    without = dataclasses.replace(results, decisions=results.decisions.iloc[:0])
    assert decision_tables(without)["decision_agreement"].empty
    assert decision_pictures(without) == {}
