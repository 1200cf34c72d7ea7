import dataclasses
import fcntl
import json

import pytest
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
    assert several.epochs() == 2 * search.epochs() == 12
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
