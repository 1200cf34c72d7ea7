import dataclasses
import shutil

from small_runs import HOSTILE, write_search

from eoinas_tf.experiment.report import report_tables as tables
from eoinas_tf.experiment.report.run_record import read_run


def test_the_result_in_one_sentence(search, training):
    assert "eoinas found a cell on digits in 8 epochs; it classifies 62.50 %" in tables.headline(read_run(search))
    assert tables.headline(read_run(training)) == "75.00 % of the test images of digits are classified correctly."
    cut = dataclasses.replace(read_run(training), summary={"test_accuracy": 0.1, "finished": False, "steps": 7})
    assert "after 7 steps; --max_steps ended" in tables.headline(cut)
    choice = {"chosen_epoch": 7, "validation_accuracy": 0.625, "validation_images": 200}
    chosen = dataclasses.replace(read_run(training), summary={"test_accuracy": 0.1, **choice})
    assert "by the weights of epoch 7; of the 200 validation images 62.50 %." in tables.headline(chosen)
    assert tables.key_figures(chosen)["chosen epoch"] == "7"
    assert tables.key_figures(chosen)["validation accuracy"] == "62.50 %"
    bare = dataclasses.replace(read_run(search), metrics=[])
    assert tables.headline(bare).startswith("eoinas found a cell on digits; it classifies 62.50 %")
    drawn = dataclasses.replace(bare, summary={"validation_accuracy": None})
    assert "nothing ranks it" in tables.headline(drawn)
    best = dataclasses.replace(bare, summary={"validation_accuracy": 0.5, "searches": [{}, {}, {}]})
    assert tables.headline(best).startswith("The best of 3 eoinas searches on digits found a cell; it classifies 50.00")
    assert "operations dropped" not in tables.key_figures(best)
    rivals = {"validation_accuracy": 0.5, "searches": [{"method": name} for name in ("darts", "gdas", "darts")]}
    best = dataclasses.replace(best, summary=rivals)
    assert tables.headline(best).startswith("The best of 3 darts and gdas searches on digits found a cell;")


def test_key_figures(search, training):
    assert tables.key_figures(read_run(search)) == {
        "validation accuracy": "62.50 %", "operations dropped": "1", "epochs": "8", "time in the epochs": "0:01:01",
        "images a second": "9",
    }  # fmt: skip
    scored = {"epoch": 8, "scored_cells": 31, "seconds": 120.0}
    figures = tables.key_figures(dataclasses.replace(read_run(search), timing=[*read_run(search).timing, scored]))
    assert (figures["time in the epochs"], figures["time for scoring cells"]) == ("0:01:01", "0:02:00")
    figures = tables.key_figures(read_run(training))
    assert (figures["parameters"], figures["multiply-adds"]) == ("130 k", "6.35 M")
    assert "top 5" not in figures  # With three classes it says nothing.


def test_a_network_narrowed_by_a_budget_says_so(training, tmp_path):
    run = shutil.copytree(training, tmp_path / "run")
    (run / "latency_budget.json").write_text('{"init_channels": 3, "latency_milliseconds": 4.7123}')
    record = read_run(run)
    narrowed = dataclasses.replace(
        record, settings={**record.settings, "init_channels": 16}, summary={**record.summary, "init_channels": 3}
    )
    figures = tables.key_figures(narrowed)
    assert figures["channels within the budget"] == "3 of 16"
    assert figures["latency when they were chosen"] == "4.71 ms"
    wide = dataclasses.replace(narrowed, summary={**record.summary, "init_channels": 16}, latency_budget={})
    assert not {"channels within the budget", "latency when they were chosen"} & set(tables.key_figures(wide))


def test_a_drop_says_why(search):
    (drop,) = tables.drop_table(read_run(search))
    assert drop == (
        8, "normal", "0-2", "skip_connect", "the score S 0.1250, the lowest of its edge; next: none 0.2500",
    )  # fmt: skip


def test_a_drop_that_was_not_the_lowest_or_that_nothing_ranked_says_so(search):
    record = read_run(search)
    (drop,) = record.drops
    for change, reason in (({"importance": 0.75}, "not the lowest"), ({"importance": None}, "nothing ranked it")):
        changed = dataclasses.replace(record, drops=[{**drop, **change}])
        assert reason in tables.drop_table(changed)[0].reason


def test_operations_are_counted_in_the_cells_and_on_the_edges(search, training):
    record = read_run(search)
    assert tables.operation_counts(record) == [
        {"operation": "none", "normal": 0, "reduce": 0},
        {"operation": "skip_connect", "normal": 4, "reduce": 4},
        {"operation": "sep_conv_3x3", "normal": 4, "reduce": 4},
    ]
    evidence = {**record.evidence, "importance": {**record.evidence["importance"]}}
    evidence["importance"]["normal"] = [[0.9, 0.1, 0.2]] * 3 + [[0.1, 0.9, None]] * 11
    record = dataclasses.replace(record, evidence=evidence)
    assert tables.edges_led_by(record) == [
        {"operation": "none", "normal": 3, "reduce": 0},
        {"operation": "skip_connect", "normal": 11, "reduce": 0},
    ]
    assert tables.edges_led_by(read_run(training)) == []


def test_equal_scores_are_led_by_nothing(tmp_path):
    record = read_run(write_search(tmp_path / "run", method="random", drops=False, score="probability"))
    evidence = {**record.evidence, "probability": {cell: [[0.3] * 3] * 14 for cell in ("normal", "reduce")}}
    assert tables.edges_led_by(dataclasses.replace(record, evidence=evidence)) == []


def test_scores_at_the_end_are_shaded_by_their_share(search, training):
    scores = tables.score_table(read_run(search))
    assert scores["normal"][0] == {"edge": "0-2", "values": [("0.500", 0.0), ("", 0.0), ("0.625", 1.0)]}
    assert len(scores["reduce"]) == 14
    assert tables.score_table(read_run(training)) == {}


def test_classes_come_with_the_least_accurate_first(training, monkeypatch):
    rows, more = tables.class_table(read_run(training))
    assert [(row["class"], row["accuracy"]) for row in rows] == [
        (HOSTILE, "50.00 %"),
        ("ant", "100.00 %"),
        ("empty", ""),
    ]
    assert more == 0
    monkeypatch.setattr(tables, "MOST_CLASSES", 1)
    rows, more = tables.class_table(read_run(training))
    assert (len(rows), more) == (1, 2)


def test_settings_show_what_was_chosen_and_not_what_other_methods_have(search):
    rows = {row.name: row for row in tables.settings_table(read_run(search))}
    assert (rows["batch_size"].value, rows["batch_size"].is_default) == ("32", False)
    assert (rows["cells"].value, rows["cells"].is_default) == ("8", True)
    assert (rows["warmup_epochs"].value, rows["warmup_epochs"].is_default) == ("1", True)
    assert "probability_learning_rate" not in rows
    assert rows["batch_size"].help == "Images in a training batch."


def test_a_choice_among_searches_shows_no_settings_of_a_search(search):
    record = read_run(search)
    chosen = dataclasses.replace(record, settings={**record.settings, "select_from": ["a", "b"]})
    names = {row.name for row in tables.settings_table(chosen)}
    assert {"select_from", "run_dir", "dataset", "crop_padding"} <= names
    assert not names & {"method", "epochs", "cells", "seed"}


def test_the_images_by_class(search, training):
    assert tables.dataset_table(read_run(search)) == [
        {"class": "all 2 classes", "parts": {"train": 30}},
        {"class": "ant", "parts": {"train": 10}},
        {"class": HOSTILE, "parts": {"train": 20}},
    ]
    assert tables.dataset_table(read_run(training)) == []


def test_what_is_not_there_is_an_empty_text_or_a_dash():
    assert tables.percent(None) == ""
    assert tables.setting_text([8, 8]) == "8,8"
    assert tables.setting_text(None) == "-"
