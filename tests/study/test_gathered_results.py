import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from small_search import GENOTYPE, SHAPE, drop, record, rising_weights, write_planned_search
from small_study import write_study

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.study.derived_cells import settle_derived
from eoinas_tf.study.gathered_results import COLUMNS, Results, gather_results
from eoinas_tf.study.scale_agreement import scale_tables
from eoinas_tf.study.study_file import read_study
from eoinas_tf.study.study_plan import plan_study


@pytest.fixture
def plan(tmp_path):
    return plan_study(read_study(write_study(tmp_path)), tmp_path / "runs")


def finish(run, accuracy):
    run.folder.mkdir(parents=True, exist_ok=True)
    summary = {"finished": True, "test_accuracy": accuracy, "parameters": 1000, "multiply_adds": 5000, "epochs": 3}
    (run.folder / "summary.json").write_text(json.dumps(summary))
    (run.folder / "timing.jsonl").write_text('{"epoch": 1, "seconds": 2.5}\n' * 2)


def test_what_is_finished_is_gathered_and_nothing_else(plan):
    search = next(run for run in plan if run.kind == "search" and run.seed == 1)
    write_planned_search(search)
    chosen = {run.label or run.cell: run for run in plan if run.training == "short" and run.seed == 0}
    for position, name in enumerate(("eoinas/1", "DARTS_V2", "max_pool_3x3")):
        finish(settle_derived(chosen[name]), 0.5 + 0.1 * position)
    results = gather_results(plan)
    assert results.trainings["cell"].tolist() == ["DARTS_V2", "eoinas/1", "eoinas/1", "eoinas/1"]
    # The found cell is a candidate too: pair 2 already has that operation.
    assert results.trainings["label"].tolist() == ["", "", "sep_conv_3x3", "max_pool_3x3"]
    assert results.trainings["test_accuracy"].tolist() == [0.6, 0.5, 0.5, 0.7]
    assert results.trainings["seconds"].tolist() == [5.0] * 4
    assert results.trainings["edge_cell"].tolist() == ["", "", "normal", "normal"]
    # Pair 2 reads node 0 into node 3: the third edge.
    assert results.trainings["edge"].tolist()[2:] == [2, 2]
    (row,) = results.searches.to_dict("records")
    assert row["cell"] == "eoinas/1"
    assert set(results.counts["cell"]) == set(results.indicators["cell"]) == {"eoinas/1"}
    assert (row["skip_normal"], row["skip_reduce"], row["drops"], row["warnings"]) == (2, 2, 2, 1)
    assert row["validation_accuracy"] == 0.5
    assert Genotype.from_json(row["genotype"]) == dataclasses.replace(GENOTYPE, source="")


def test_runs_on_different_images_are_not_put_into_one_table(plan):
    runs = [run for run in plan if run.contestant == "DARTS_V2"][:2]
    for run, digest in zip(runs, "ab", strict=True):
        finish(run, 0.5)
        part = {"images": 5, "digest": digest, "images_by_class": [5], "digests_by_class": [digest]}
        images = {"class_names": ["cat"], "source": {}, "parts": {"train": part, "test": part}}
        (run.folder / "dataset.json").write_text(json.dumps(images))
    assert len(gather_results(runs[:1]).trainings) == len(gather_results(runs[1:]).trainings) == 1
    with pytest.raises(
        ConfigurationError, match=r"training_1 was run on other images than .*training_0 \(train: other"
    ):
        gather_results(runs)


def test_edges_are_counted_by_their_strongest_living_operation_after_the_drop(plan, tmp_path):
    """The strongest operation is the last one; it is dropped on one edge, where `none` is the second strongest."""
    weights = rising_weights()
    weights[0, 5, 0] = 0.2
    weights[1, :, 1] = 0.9
    metrics = [record(1, np.full(SHAPE, 0.125)), record(2, weights), record(3, weights, dropped=[(0, 5, 7)])]
    search = plan[0]
    write_planned_search(search, metrics, [drop(2, 0, 5, 7)])
    counts = gather_results(plan).counts
    assert counts["epoch"].tolist() == [1, 2, 3]
    assert counts["none_edges"].tolist() == [0, 1, 1]  # All are equally strong in the first epoch.
    assert counts["skip_edges"].tolist() == [0, 14, 14]


def test_decisions_by_the_importance_are_gathered(plan):
    values = {"accuracy": np.full(SHAPE, 0.5), "training_iterations": np.ones(SHAPE)}
    drops = [drop(1, 0, 5, 0), drop(1, 1, 5, 7)]
    write_planned_search(plan[0], [record(1, rising_weights(), **values)], drops)
    (row,) = gather_results(plan).decisions.to_dict("records")
    assert (row["cell"], row["epoch"], row["edges"], row["by_beta"]) == (plan[0].cell, 1, 2, 1.0)


def test_runs_with_settings_that_the_study_no_longer_has_are_refused(plan):
    write_planned_search(plan[0], epochs=5)
    with pytest.raises(ConfigurationError, match="holds a finished run with --epochs=5, where the study says 8"):
        gather_results(plan)


def test_the_csv_files_say_the_same(results, tmp_path):
    results.write(tmp_path)
    read = Results.read(tmp_path)
    for name in COLUMNS:
        pd.testing.assert_frame_equal(getattr(read, name), getattr(results, name), check_dtype=False)


def test_results_of_different_scales_are_joined(results):
    large = Results(**{name: getattr(results, name).assign(scale="large") for name in COLUMNS})
    joined = Results.joined([results, large])
    assert joined.trainings["scale"].value_counts().tolist() == [len(results.trainings)] * 2
    assert len(joined.counts) == 2 * len(results.counts)
    with pytest.raises(ConfigurationError, match=r"only if their scales differ\. Received twice: main"):
        Results.joined([results, large, results])
    unfinished = dataclasses.replace(results, trainings=results.trainings[:0])  # Only searches so far.
    with pytest.raises(ConfigurationError, match="Received twice: main"):
        Results.joined([results, unfinished])


def test_names_stay_texts_even_if_all_look_like_numbers(results, tmp_path):
    drops = results.trainings[results.trainings["role"] == "drops"].assign(scale="16", training="007", label="0")
    searches = results.searches.assign(scale="16")
    dataclasses.replace(results, trainings=drops, searches=searches).write(tmp_path)
    read = Results.read(tmp_path)
    for name, expected in (("scale", "16"), ("training", "007"), ("label", "0")):
        assert read.trainings[name].tolist() == [expected] * len(drops)
    assert read.searches["scale"].tolist() == ["16"] * len(searches)
    for number in ("8", "16"):
        Results(**{name: getattr(results, name).assign(scale=number) for name in COLUMNS}).write(tmp_path / number)
    both = Results.joined([Results.read(tmp_path / number) for number in ("8", "16")])
    assert "16, long" in scale_tables(both)["scale_agreement"]["second"].tolist()


def test_files_that_are_missing_or_others_are_refused(results, tmp_path):
    with pytest.raises(ConfigurationError, match=r"trainings\.csv cannot be read as a table of a study"):
        Results.read(tmp_path)
    results.write(tmp_path)
    (tmp_path / "counts.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigurationError, match=r"counts\.csv must have the columns data_set, scale"):
        Results.read(tmp_path)
