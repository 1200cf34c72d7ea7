from collections import Counter
from pathlib import Path

import pytest
from small_study import changed, write_study

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.flag_definitions import config_from_arguments
from eoinas_tf.study.planned_run import SEARCH, TRAINING
from eoinas_tf.study.study_file import read_study
from eoinas_tf.study.study_plan import plan_study

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.json"))


@pytest.fixture
def plan(tmp_path):
    return plan_study(read_study(write_study(tmp_path)), tmp_path / "runs")


def test_every_search_and_every_training_is_planned_once(plan):
    assert len({run.title for run in plan}) == len(plan) == 3 + (3 + 4) + 2 + 7
    counts = Counter((run.kind, run.training, run.role, run.contestant) for run in plan)
    assert counts["search", "", "", "eoinas"] == 2
    assert counts["training", "short", "fixed", "DARTS_V2"] == 3
    assert counts["training", "long", "found", "eoinas"] == 2
    assert counts["training", "short", "candidates", "eoinas"] == 7
    folders = Counter(run.folder for run in plan)
    assert set(folders.values()) == {1}


def test_a_run_stands_behind_the_search_that_it_needs(plan):
    for position, run in enumerate(plan):
        assert run.search is None or run.search in plan[:position]


def test_what_a_stopped_study_has_can_be_compared(tmp_path):
    study = changed("scales", 0, "random_cells", value=4)
    plan = plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")
    searched = ["eoinas/0", "beta alone/4", "random/0"], ["random/1", "eoinas/1", "random/2", "random/3"]
    expected = [[(kind, cell) for cell in cells for kind in ("search", "training")] for cells in searched]
    first = [*expected[0], ("training", "DARTS_V2"), ("training", "residual network"), *expected[1]]
    assert [(run.kind, run.cell) for run in plan[: len(first)]] == first
    assert {run.training for run in plan[: len(first)]} == {"", "short"}


def test_what_is_more_particular_wins(tmp_path):
    flagfile = tmp_path / "a.flags"
    flagfile.write_text("--epochs=50\n--cells=9\n--crop_padding=3\n")
    study = changed("scales", 0, "search", value={"epochs": 16, "flagfile": str(flagfile)})
    study["datasets"][0]["crop_padding"] = 1
    study["methods"][0]["warmup_epochs"] = 1
    first = plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")[0]
    config = first.config
    assert (config.epochs, config.cells, config.crop_padding, config.warmup_epochs) == (16, 9, 1, 1)
    assert (config.dataset, config.horizontal_flip, config.importance_iterations) == ("digits", False, "relative")
    assert config_from_arguments(SearchConfig, first.arguments) == config


def test_a_methods_flagfile_gives_way_to_the_study(tmp_path):
    (tmp_path / "scale.flags").write_text("--cells=9\n--seed=3\n")
    (tmp_path / "method.flags").write_text("--dataset=cifar10\n--cells=7\n--epochs=50\n--warmup_epochs=5\n")
    study = changed("scales", 0, "search", value={"epochs": 40, "flagfile": str(tmp_path / "scale.flags")})
    study["methods"][0]["flagfile"] = str(tmp_path / "method.flags")
    config = plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")[0].config
    assert (config.dataset, config.epochs, config.cells, config.warmup_epochs) == ("digits", 40, 7, 5)


def test_a_training_is_of_the_cell_that_its_search_writes(plan):
    run = next(run for run in plan if run.training == "long" and run.search.seed == 1)
    assert isinstance(run.config, EvaluationConfig)
    assert run.config.genotype == str(run.search.folder / "genotype.json")
    assert (run.config.seed, run.config.epochs, run.cell) == (5, 9, "eoinas/1")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("scales", 0, "search"), {"epochs": 0}, "main, search eoinas, seed 0: --epochs must be at least 1"),
        (("scales", 0, "search"), {"colour": 1}, "Unknown command line flag 'colour'"),
        (("scales", 0, "search"), {"operation_modules": "not_there"}, "seed 0: --operation_modules: No module named"),
        (("scales", 0, "search"), {"epochs": 6}, "search eoinas, seed 0: 2 of 8 operations are left on each edge"),
        (
            ("scales", 0, "search"),
            {"epochs": 8, "operations": "skip_connect,typo_conv"},
            "main, search eoinas, seed 0: --operations: typo_conv is not known",
        ),
        (
            ("scales", 0, "search"),
            {"epochs": 8, "num_seeds": 4},
            "search eoinas: with --num_seeds=4, seed 0 stands for the seeds 0 to 3, so that the next must be",
        ),
        (("scales", 0, "search"), {"flagfile": "none.flags"}, "none.flags"),
        (
            ("scales", 0, "trainings", 0, "epochs"),
            "many",
            "main, training short of eoinas: --epochs must be a wh",
        ),
        (("scales", 0, "networks"), ["ENAS"], "main, network ENAS: --genotype must be a file or one of"),
    ],
)
def test_wrong_settings_are_one_line_before_anything_runs(tmp_path, path, value, message):
    study = changed(*path, value=value)
    if path[-1] == "networks":
        study["scales"][0]["trainings"][0]["more_seeds"] = {}
    with pytest.raises(ConfigurationError) as caught:
        plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")
    assert message in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_the_studies_that_are_shipped_are_there():
    assert {path.stem for path in STUDIES} == {
        "digits", "table_1", "table_2", "table_3", "figure_1", "cifar10_cpu", "fashion_mnist_cpu",
    }  # fmt: skip


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_the_studies_that_are_shipped_can_be_planned(path, tmp_path, monkeypatch):
    monkeypatch.chdir(path.parents[1])
    assert plan_study(read_study(path), tmp_path)


def test_runs_of_a_study_have_epochs_and_no_hours(tmp_path):
    study = changed("scales", 0, "search", value={"hours": 2, "cells": 3})
    with pytest.raises(
        ConfigurationError, match=r"--hours would choose other epochs for each run.*Received: --hours=2"
    ):
        plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")


def test_trainings_import_the_own_operations_of_their_search(tmp_path, monkeypatch):
    (tmp_path / "wide_operations.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    study = changed("scales", 0, "search", value={"epochs": 8, "operation_modules": "wide_operations"})
    runs = plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")
    modules = {(run.kind, run.search is None, run.config.operation_modules) for run in runs}
    found = ("wide_operations",)
    assert modules == {(SEARCH, True, found), (TRAINING, False, found), (TRAINING, True, None)}


def test_searches_of_several_seeds_stand_apart(tmp_path):
    study = changed("scales", 0, "search", value={"epochs": 8, "num_seeds": 4})
    study["scales"][0] |= {"seeds": [4, 0], "derived_cells": []}
    plan = plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")
    assert [run.seed for run in plan if run.contestant == "eoinas" and run.kind == SEARCH] == [4, 0]


def test_a_forgotten_data_set_of_trainings_is_refused(tmp_path):
    study = changed("datasets", value=None)
    study["scales"][0]["search"] |= {"dataset": "digits", "horizontal_flip": False}
    with pytest.raises(
        ConfigurationError, match="training short: it would be on cifar10, where eoinas searches on dig"
    ):
        plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")
    for recipe in study["scales"][0]["trainings"]:  # A transfer to the usual data set is meant.
        recipe["dataset"] = "cifar10"
    assert plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")


def test_what_two_requests_of_derived_cells_have_in_common_is_planned_once(tmp_path):
    study = changed("scales", 0, "derived_cells", 0, "training_seeds", value=[0, 1])
    request = study["scales"][0]["derived_cells"][0]
    study["scales"][0]["derived_cells"] = [request, {**request, "training_seeds": [1, 2]}]
    plan = plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")
    derived = Counter((run.label, run.seed) for run in plan if run.role == "candidates")
    assert len(derived) == 7 * 3
    assert set(derived.values()) == {1}
