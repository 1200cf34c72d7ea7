"""The runner, with processes that train nothing: killed, stopped and resumed."""

import copy
import dataclasses
import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_run import EPOCHS
from fake_study import fake_command
from small_study import SMALL, write_study

from eoinas_tf.errors import ConfigurationError, EoinasError
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.study.derived_cells import is_done, settle_derived
from eoinas_tf.study.study_file import read_study
from eoinas_tf.study.study_plan import plan_study
from eoinas_tf.study.study_runner import StudyRunner, process_command

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path):
    """A study of one search, its training run, two training runs of a network, and the candidates of one edge."""
    study = copy.deepcopy(SMALL)
    study["methods"] = study["methods"][:1]
    scale = study["scales"][0]
    scale.update(seeds=[1], networks=["DARTS_V2"], method_seeds={})
    scale["trainings"] = [{**scale["trainings"][0], "more_seeds": {"DARTS_V2": [1]}}]
    return write_study(tmp_path, study)


@pytest.fixture
def plan(file, tmp_path):
    return plan_study(read_study(file), tmp_path / "runs")


class Runner(StudyRunner):
    def __init__(self, plan, tmp_path, jobs=2, **others):
        self.lines = []
        super().__init__(plan, tmp_path / "runs", jobs, fake_command, self.lines.append, **others)

    def go(self):
        with StopSignals() as stop:
            self.run(stop)
        return self.lines


def starts(plan):
    """Returns how often each folder's run was started; every folder of the plan has one run."""
    folders = {settle_derived(run).folder for run in plan}
    return {folder: (folder / "starts").read_text().count("start") for folder in folders}, len(folders)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("FAKE_SECONDS", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_everything_is_run_once_and_never_again(plan, tmp_path):
    lines = Runner(plan, tmp_path).go()
    assert all(map(is_done, plan))
    assert lines[-1] == "11 of 11 runs finished"
    counts, folders = starts(plan)
    # The found cell's operation is one of the candidates.
    assert folders == 10
    assert set(counts.values()) == {1}
    assert Runner(plan, tmp_path).go() == ["11 of 11 runs finished"]
    assert set(starts(plan)[0].values()) == {1}


def test_a_training_of_a_found_or_derived_cell_gets_its_genotype(plan, tmp_path):
    Runner(plan, tmp_path).go()
    for run in plan:
        if run.search:
            settled = settle_derived(run)
            last = (settled.folder / "genotype_used").read_text()
            assert Path(last).name == "genotype.json"
            assert Path(last).exists()


def test_a_failed_run_does_not_stop_the_others_and_is_tried_again(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_FAILURE", "DARTS_V2/training_1=3")
    runner = Runner(plan, tmp_path)
    with pytest.raises(EoinasError, match=r"1 of 11 runs are not finished, the first: .*DARTS_V2, seed 1") as caught:
        runner.go()
    assert caught.value.exit_status == 3
    assert sum(map(is_done, plan)) == 10
    assert any(line.startswith("failed: ") and "ended with status 3; see" in line for line in runner.lines)
    monkeypatch.setenv("FAKE_FAILURE", "")
    Runner(plan, tmp_path).go()
    assert all(map(is_done, plan))
    assert set(starts(plan)[0].values()) == {1}


def test_trainings_of_a_failed_search_fail_with_it(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_FAILURE", "searches=3")
    runner = Runner(plan, tmp_path)
    with pytest.raises(EoinasError, match="9 of 11 runs are not finished"):
        runner.go()
    assert sum("its search is not finished" in line for line in runner.lines) == 8


def test_an_equal_cell_is_not_tried_again_at_once(plan, tmp_path, monkeypatch):
    """The found cell, which fails, is also one of the candidates."""
    monkeypatch.setenv("FAKE_FAILURE", "eoinas/seed_1/training_0=3")
    runner = Runner(plan, tmp_path)
    with pytest.raises(EoinasError, match="2 of 11 runs are not finished"):
        runner.go()
    assert sum("an equal cell failed" in line for line in runner.lines) == 1
    log = next(path for path in (tmp_path / "runs" / "logs").iterdir() if path.name.endswith("eoinas_1_seed_0.log"))
    assert log.read_text().count("$ ") == 1


def test_a_log_that_cannot_be_written_fails_its_run_and_begins_no_other(plan, tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "logs").write_text("a file")
    with pytest.raises(EoinasError, match="1 of 11 runs are not finished") as caught:
        Runner(plan, tmp_path, jobs=1).go()
    assert caught.value.exit_status == 5


def test_logs_of_long_names_are_told_apart(plan, tmp_path):
    runner = Runner(plan, tmp_path)
    names = [dataclasses.replace(plan[0], contestant="long name " * 30 + end) for end in "ab"]
    first, second = (runner._log_path(run) for run in names)
    assert first != second
    assert max(len(path.name) for path in (first, second)) < 255
    assert runner._log_path(plan[0]).name == "main_digits_search_eoinas_seed_1.log"


def test_on_a_full_disk_nothing_more_is_begun(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_FAILURE", "searches=5")
    with pytest.raises(EoinasError, match="1 of 11 runs are not finished") as caught:
        Runner(plan, tmp_path, jobs=1).go()
    assert caught.value.exit_status == 5
    assert not any(map(is_done, plan))


def test_a_finished_run_with_other_settings_is_refused_before_anything_runs(plan, file, tmp_path):
    Runner(plan, tmp_path).go()
    for run in plan:
        folder = settle_derived(run).folder
        (folder / "config.json").write_text(settle_derived(run).config.to_json())
    study = copy.deepcopy(SMALL)
    text = file.read_text().replace('"epochs": 3', '"epochs": 4')
    assert study["scales"][0]["trainings"][0]["epochs"] == 3
    file.write_text(text)
    other = plan_study(read_study(file), tmp_path / "runs")
    with pytest.raises(ConfigurationError, match="holds a finished run with --epochs=3, where the study says 4"):
        Runner(other, tmp_path).go()


def test_a_run_that_another_process_still_saves_is_waited_for(plan, tmp_path):
    """As after a kill of the study, while its processes are still saving."""
    run = next(run for run in plan if run.contestant == "DARTS_V2")
    run.folder.mkdir(parents=True)
    lock = open(run.folder / "lock", "w", encoding="utf-8")  # noqa: SIM115
    fcntl.flock(lock, fcntl.LOCK_EX)

    def pause(seconds):
        if sum(map(is_done, plan)) == len(plan) - 1:  # All others are finished.
            lock.close()
        time.sleep(0.02)

    Runner(plan, tmp_path, pause=pause).go()
    assert all(map(is_done, plan))
    assert (run.folder / "starts").read_text() == "start\n"


def test_the_command_of_a_run_is_a_python_module_with_its_flags(plan):
    command = process_command(plan[0])
    assert command[:4] == [sys.executable, "-m", "eoinas_tf.commands.study_run", "search"]
    assert command[4:] == list(plan[0].arguments)


def begin(file, tmp_path, seconds="0.15"):
    command = [sys.executable, str(Path(__file__).with_name("fake_study.py")), str(file), str(tmp_path / "runs"), "3"]
    environment = {**os.environ, "FAKE_SECONDS": seconds}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for_epochs(plan, count):
    """Waits until this many epochs are recorded."""
    end = time.monotonic() + 60
    while sum(path.read_bytes().count(b"\n") for path in plan[0].folder.parents[2].rglob("metrics.jsonl")) < count:
        assert time.monotonic() < end, "no run made progress"
        time.sleep(0.02)


def test_sigterm_stops_the_runs_in_order_and_the_same_command_continues(file, plan, tmp_path):
    process = begin(file, tmp_path)
    wait_for_epochs(plan, 4)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 42, errors
    assert "stopped: SIGTERM received; " in errors
    assert not all(map(is_done, plan))
    assert all(run.holder() is None for run in plan)
    assert begin(file, tmp_path, "0").wait(timeout=120) == 0
    assert all(map(is_done, plan))


def test_killed_again_and_again_it_ends_without_repeating_a_finished_run(file, plan, tmp_path):
    chance = random.Random(0)
    for _ in range(4):
        process = begin(file, tmp_path, "0.05")
        try:
            process.wait(timeout=chance.uniform(0.5, 2.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert begin(file, tmp_path, "0").wait(timeout=120) == 0
    assert all(map(is_done, plan))
    for folder in {settle_derived(run).folder for run in plan}:
        assert (folder / "ends").read_text() == "end\n"
        assert (folder / "metrics.jsonl").read_text().count("\n") == EPOCHS
