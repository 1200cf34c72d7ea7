import json
import logging
import os
import signal
import threading
import time
import types

import keras
import pytest

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError, RunDirectoryError, StoppedError
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.training.rehearsal import Rehearsal, silent_progress, within_hours
from eoinas_tf.training.time_budget import EpochCost, RunCost


class Clock:
    """A clock that advances when told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def an_epoch(clock, ran, tracing, more=0.0):
    """Steps of 0.5 s, with 0.3 s before the first one, 2 s after the last one, and the first time more for tracing."""

    def run_epoch(steps, runner):
        pace = runner.progress.pace
        pace.begin_epoch(0)
        first = min(steps, runner.config.steps_per_call)
        clock.now += 0.3 + 0.5 * first + (0.0 if ran else tracing)
        pace.first_step_done(first, clock.now)
        clock.now += 0.5 * (steps - first)
        pace.end_epoch(steps)
        clock.now += 2.0
        ran.append(steps)
        return more

    return run_epoch


@pytest.mark.parametrize(
    ("hours", "epoch_steps", "in_call", "steps"),
    [
        (0.1, 100, 1, [3, 8]),  # A hundredth of 360 s: 3.6 s, which are 7 steps after the first.
        (0.001, 100, 1, [3, 5]),  # At least 2 s.
        (50.0, 100, 1, [3, 41]),  # At most 20 s.
        (50.0, 6, 1, [3, 6]),  # No more than the steps of an epoch.
        (50.0, 2, 1, [2, 2]),
        (0.1, 100, 10, [30, 30]),  # Three calls, of which the first is not measured.
        (50.0, 100, 10, [30, 50]),  # Whole calls.
        (0.1, 15, 10, [15, 15]),
    ],
)
def test_a_second_epoch_of_a_share_of_the_budget_is_measured(hours, epoch_steps, in_call, steps):
    clock, ran = Clock(), []
    config = EvaluationConfig(hours=hours, steps_per_call=in_call)
    rehearsal = Rehearsal(config, epoch_steps, None, threading.Event(), clock)
    cost = rehearsal.epoch_cost(an_epoch(clock, ran, tracing=9.0))
    assert ran == steps
    assert cost == EpochCost(pytest.approx(0.5), pytest.approx(2.3), pytest.approx(9.0))


def test_what_was_left_out_is_counted_on_top():
    clock = Clock()
    rehearsal = Rehearsal(EvaluationConfig(hours=0.1), 100, None, threading.Event(), clock)
    assert rehearsal.epoch_cost(an_epoch(clock, [], 9.0, more=7.0)).seconds_around_steps == pytest.approx(9.3)


@pytest.mark.parametrize(("every", "seconds"), [(0, 0.0), (20, 0.05)])
def test_a_checkpoint_within_epochs_costs_a_part_of_itself_per_step(every, seconds):
    clock, saved = Clock(), []
    config = EvaluationConfig(hours=0.1, checkpoint_every_steps=every)

    def save(step):
        saved.append(step)
        clock.now += 1.0

    rehearsal = Rehearsal(config, 100, None, threading.Event(), clock)
    (cost,) = rehearsal.with_saves({"training": EpochCost(0.5, 2.0, 9.0)}, save, 200).values()
    assert cost == EpochCost(pytest.approx(0.5 + seconds), 2.0, 9.0)
    assert saved == [200] * bool(every)


@pytest.mark.parametrize(
    ("batches", "runs", "seconds"),
    [
        # 3 s to start and 0.1 s a batch; after 3 batches (3.3 s), as many as take 3.6 s by their mean, at least 4.
        (100, [1, 3, 4], 13.0),
        (4, [1, 3, 4], 3.4),
        (3, [1, 3], 3.3),
        (2, [1, 2], 3.2),
    ],
)
def test_a_pass_is_measured_on_some_batches_and_starts_once(batches, runs, seconds):
    clock, ran = Clock(), []
    rehearsal = Rehearsal(EvaluationConfig(hours=0.1), 9, None, threading.Event(), clock)

    def run(count):
        ran.append(count)
        clock.now += 3.0 + 0.1 * count + (9.0 if len(ran) == 1 else 0.0)

    assert rehearsal.pass_seconds(run, batches) == pytest.approx(seconds)
    assert ran == runs


def test_a_rehearsal_that_is_told_to_stop_goes_no_further():
    stop, clock, ran = threading.Event(), Clock(), []
    stop.set()
    with pytest.raises(StoppedError):
        Rehearsal(EvaluationConfig(hours=0.1), 9, None, stop, clock).epoch_cost(an_epoch(clock, ran, 9.0))
    assert ran == []


def test_nobody_sees_its_progress(capsys):
    progress = silent_progress(3)
    progress.result("the result")
    progress.doing("testing", stays=True)
    assert capsys.readouterr() == ("", "")


IMAGES = types.SimpleNamespace(name="images")


@pytest.fixture
def rehearsed():
    """Replaces a rehearsal: 100 s around epochs of 10 s; counts how often it was called."""

    def rehearse(stop):
        rehearse.count += 1
        rehearse.thread = threading.current_thread()
        kinds = {"training": EpochCost(0.05, 5.0, 0.0)}
        return RunCost(100, kinds, 100.0, lambda epochs: {"training": epochs}, lambda epochs: None), IMAGES

    rehearse.count = 0
    return rehearse


def stored(run_dir):
    return json.loads((run_dir / "config.json").read_text())


def test_the_choice_is_written_once_and_kept(rehearsed, tmp_path, capsys):
    config = SearchConfig(run_dir=str(tmp_path / "run"), hours=0.1)
    clock = Clock()
    # Of 345.6 s, 40 s are already spent and 100 s are around the epochs of 10 s.
    chosen, images = within_hours(config, None, 40.0, rehearsed, clock)
    assert (chosen.epochs, images, rehearsed.count) == (20, IMAGES, 1)
    assert rehearsed.thread is not threading.main_thread()
    # Settings that follow from the epochs are as if a user had given the epochs.
    assert chosen == SearchConfig(run_dir=config.run_dir, hours=0.1, epochs=20)
    assert chosen.warmup_epochs == 2
    assert {name: stored(tmp_path / "run")[name] for name in ("hours", "epochs", "warmup_epochs")} == {
        "hours": 0.1, "epochs": 20, "warmup_epochs": 2,
    }  # fmt: skip
    assert "--hours=0.1: 20 epochs" in capsys.readouterr().out
    again, images = within_hours(config, None, 300.0, rehearsed)
    assert (again, images, rehearsed.count) == (chosen, None, 1)
    assert "20 epochs, chosen for --hours=0.1 at its start" in capsys.readouterr().out


def test_epochs_of_fewer_steps_are_written_and_kept_too(rehearsed, tmp_path, capsys):
    config = EvaluationConfig(run_dir=str(tmp_path / "run"), hours=0.043)
    # 148.6 of 154.8 s: four epochs of 10 s leave 8.6 s, more than 3 %. Five are 25 s around 23.6 s of 0.25 s a step.
    chosen, _ = within_hours(config, None, 0.0, rehearsed, Clock())
    assert (chosen.epochs, chosen.steps_per_epoch) == (5, 94)
    assert chosen == EvaluationConfig(run_dir=config.run_dir, hours=0.043, epochs=5, steps_per_epoch=94)
    assert within_hours(config, None, 0.0, rehearsed)[0] == chosen
    assert "5 epochs of 94 steps, chosen for --hours=0.043 at its start" in capsys.readouterr().out


def test_epochs_that_are_given_need_no_rehearsal(rehearsed):
    config = SearchConfig(epochs=9)
    assert within_hours(config, IMAGES, 0.0, rehearsed) == (config, IMAGES)
    assert rehearsed.count == 0


def test_a_run_is_continued_with_its_own_hours_or_epochs_only(rehearsed, tmp_path):
    config = EvaluationConfig(run_dir=str(tmp_path), hours=0.1, quiet=True)
    epochs = within_hours(config, None, 0.0, rehearsed)[0].epochs
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(RunDirectoryError, match=rf"other settings \(--hours: 0.1 -> 0.2, --epochs: {epochs}\)"):
        within_hours(EvaluationConfig(run_dir=str(tmp_path), hours=0.2), None, 0.0, rehearsed)
    with (
        pytest.raises(RunDirectoryError, match=rf"--epochs: {epochs} -> 600"),
        RunDirectory(EvaluationConfig(run_dir=str(tmp_path))),
    ):
        pass
    with RunDirectory(EvaluationConfig(run_dir=str(tmp_path), epochs=epochs)):
        assert stored(tmp_path)["hours"] == 0.1


def test_a_run_that_only_began_takes_other_hours(rehearsed, tmp_path):
    for hours, epochs in ((0.1, 24), (0.2, 58)):
        config = EvaluationConfig(run_dir=str(tmp_path), hours=hours, quiet=True)
        chosen, _ = within_hours(config, None, 5.0, rehearsed, Clock())
        assert (chosen.epochs, stored(tmp_path)["hours"]) == (epochs, hours)


def test_a_budget_that_is_too_small_leaves_the_folder_for_another(rehearsed, tmp_path):
    with pytest.raises(ConfigurationError, match=r"give --hours=0\.0\d+ or more"):
        within_hours(EvaluationConfig(run_dir=str(tmp_path), hours=0.01), None, 0.0, rehearsed)
    assert stored(tmp_path)["epochs"] is None
    config = EvaluationConfig(run_dir=str(tmp_path), hours=0.1, quiet=True)
    assert within_hours(config, None, 5.0, rehearsed, Clock())[0].epochs == 24


def test_a_signal_ends_it(tmp_path):
    told = []

    def rehearse(stop):
        time.sleep(0.2)  # Until the main thread waits.
        os.kill(os.getpid(), signal.SIGTERM)
        told.append(stop.wait(60))
        raise StoppedError("as Rehearsal does")

    with pytest.raises(StoppedError, match="SIGTERM received"):
        within_hours(EvaluationConfig(run_dir=str(tmp_path), hours=0.1, quiet=True), None, 0.0, rehearse)
    assert told == [True]


def test_names_of_layers_go_on_as_if_nothing_had_been_built(rehearsed, tmp_path):
    def number():
        return int(f"{keras.layers.Dense(1).name}_0".split("_")[1])

    def building(stop):
        assert keras.layers.Dense(1).name == "dense"
        return rehearsed(stop)

    before = number()
    within_hours(EvaluationConfig(run_dir=str(tmp_path), hours=0.1, quiet=True), None, 0.0, building)
    assert number() == before + 1


def test_warnings_are_left_to_the_run_itself(tmp_path, caplog):
    logger = logging.getLogger("eoinas_tf.some.module")

    def rehearse(stop):
        logger.warning("held back")
        raise ConfigurationError("enough")

    with pytest.raises(ConfigurationError, match="enough"):
        within_hours(EvaluationConfig(run_dir=str(tmp_path), hours=0.1, quiet=True), None, 0.0, rehearse)
    logger.warning("heard")
    assert [record.message for record in caplog.records] == ["heard"]
