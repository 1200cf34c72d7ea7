import dataclasses
import fcntl
import json

import pytest
from small_search import GENOTYPE
from small_study import write_study

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.study.study_file import read_study
from eoinas_tf.study.study_plan import plan_study


@pytest.fixture
def plan(tmp_path):
    return plan_study(read_study(write_study(tmp_path)), tmp_path / "runs")


@pytest.fixture
def search(plan):
    plan[0].folder.mkdir(parents=True)
    return plan[0]


@pytest.fixture
def training(plan):
    run = next(run for run in plan if run.kind == "training")
    run.folder.mkdir(parents=True)
    return run


def test_a_search_is_finished_with_its_summary_and_a_training_when_it_says_so(search, training):
    assert not search.is_finished()
    (search.folder / "summary.json").write_text("{")
    assert not search.is_finished()
    (search.folder / "summary.json").write_text('{"validation_accuracy": 0.5}')
    assert search.is_finished()
    (training.folder / "summary.json").write_text('{"finished": false}')
    assert not training.is_finished()
    (training.folder / "summary.json").write_text('{"finished": true}')
    assert training.is_finished()


def test_finished_epochs_are_whole_lines_of_all_seeds(search):
    assert search.finished_epochs() == 0
    (search.folder / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n{"epo')
    assert search.finished_epochs() == 2
    several = dataclasses.replace(search, config=dataclasses.replace(search.config, num_seeds=2))
    assert several.epochs() == 2 * search.epochs() == 16
    (search.folder / "seed_1").mkdir()
    (search.folder / "seed_1" / "metrics.jsonl").write_text('{"epoch": 1}\n')
    assert search.finished_epochs() == 3


def test_the_holder_of_a_folder_is_named_while_it_holds_it(search):
    assert search.holder() is None
    with open(search.folder / "lock", "w", encoding="utf-8") as lock:
        lock.write("process 7 on here\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert search.holder() == "process 7 on here"
    assert search.holder() is None


def test_a_finished_run_with_other_settings_is_refused(training):
    stored = {"kind": "EvaluationConfig", **json.loads(training.config.to_json())}
    (training.folder / "config.json").write_text(json.dumps(stored | {"genotype": "elsewhere", "data_dir": "moved"}))
    training.check_settings()
    (training.folder / "config.json").write_text(json.dumps(stored | {"epochs": 77}))
    with pytest.raises(ConfigurationError, match="holds a finished run with --epochs=77, where the study says 3"):
        training.check_settings()


def test_a_run_of_an_earlier_version_did_what_the_default_does(search):
    stored = {"kind": "SearchConfig", **json.loads(search.config.to_json())}
    del stored["edge_ranking"]
    (search.folder / "config.json").write_text(json.dumps(stored))
    search.check_settings()
    other = dataclasses.replace(search, config=dataclasses.replace(search.config, edge_ranking="last_decision"))
    with pytest.raises(ConfigurationError, match="with --edge_ranking=end, where the study says last_decision"):
        other.check_settings()


def test_a_finished_training_of_other_cells_is_refused_whatever_their_source(training):
    (training.folder / "config.json").write_text(json.dumps(json.loads(training.config.to_json())))
    (training.folder / "genotype.json").write_text(GENOTYPE.to_json())
    cells = training.folder / "cells.json"
    run = dataclasses.replace(training, config=dataclasses.replace(training.config, genotype=str(cells)))
    cells.write_text(dataclasses.replace(GENOTYPE, source="another").to_json())
    run.check_settings()
    cells.write_text(dataclasses.replace(GENOTYPE, normal=(("max_pool_3x3", 1), *GENOTYPE.normal[1:])).to_json())
    with pytest.raises(ConfigurationError, match=r"holds a finished run with other cells, where .* --genotype=.*cells"):
        run.check_settings()


def test_a_folder_of_images_may_have_moved(training):
    stored = json.loads(training.config.to_json()) | {"dataset": "folder:/elsewhere/images"}
    (training.folder / "config.json").write_text(json.dumps(stored))
    moved = dataclasses.replace(training, config=dataclasses.replace(training.config, dataset="folder:images"))
    moved.check_settings()
    with pytest.raises(ConfigurationError, match="--dataset=folder:/elsewhere/images, where the study says digits"):
        training.check_settings()


def test_candidates_of_two_edges_have_two_titles(training):
    cells = [
        dataclasses.replace(training, role="candidates", label="skip_connect", options=options)
        for options in (("normal", 0), ("reduce", 0), ("normal", 3))
    ]
    assert len({run.title for run in cells}) == 3
    assert "(candidates skip_connect in pair 3 of the normal cell)" in cells[2].title
