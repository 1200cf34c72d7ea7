import dataclasses
import json
import shutil

import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.training import epoch_log
from eoinas_tf.training.epoch_log import EpochLog

TIMING = {"seconds": 1.5, "images_per_second": 2.0}


@pytest.fixture
def config(tmp_path):
    return SearchConfig(run_dir=str(tmp_path / "run"), checkpoint_every_epochs=2)


@pytest.fixture
def run(config):
    with RunDirectory(config) as run:
        yield run


def train(log, variable, epochs, last=None):
    for epoch in epochs:
        variable.assign(float(epoch))
        log.add_epoch({"epoch": epoch, "loss": 1 / epoch}, TIMING)
        log.tensorboard.scalars(epoch, {"loss": 1 / epoch})
        log.save_epoch(epoch, is_last=epoch == last)


def curve(folder):
    return [
        event.step
        for path in sorted(folder.glob("events*"))
        for event in map(tf.compat.v1.Event.FromString, tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        if any(value.tag == "loss" for value in event.summary.value)
    ]


def open_log(run, config):
    return EpochLog(run, config, {"state": [tf.Variable(0.0)]}, epoch_steps=5)


def without_checkpoints(run):
    shutil.rmtree(run.checkpoints)


def with_an_empty_folder_of_checkpoints(run):
    shutil.rmtree(run.checkpoints)
    run.checkpoints.mkdir()


def without_their_files(run):
    for path in run.checkpoints.glob("*/*"):
        path.unlink()


def with_logs_alone(run):
    """As after copying only those files of a folder that one wants to look at."""
    shutil.rmtree(run.checkpoints)
    (run.path / "checkpoints.json").unlink()


@pytest.mark.parametrize(
    ("lose", "epochs"),
    [
        (without_checkpoints, 2),
        (with_an_empty_folder_of_checkpoints, 2),
        (without_their_files, 2),
        (with_logs_alone, 3),
    ],
)
def test_what_has_lines_but_no_checkpoint_does_not_start_over(run, config, lose, epochs):
    log = open_log(run, config)
    train(log, tf.Variable(0.0), range(1, epochs + 1))
    log.tensorboard.close()
    lose(run)
    before = run.metrics.read_bytes()
    with pytest.raises(StorageError) as error:
        open_log(run, config)
    assert error.value.exit_status == 5
    assert "--run_dir" in str(error.value)
    assert run.metrics.read_bytes() == before


def test_a_restart_goes_on_after_the_newest_checkpoint_and_cuts_every_log_back_to_it(run, config):
    variable = tf.Variable(0.0)
    log = EpochLog(run, config, {"state": [variable]}, epoch_steps=5)
    assert (log.finished_epochs, log.metrics) == (0, [])
    train(log, variable, (1, 2, 3))
    log.tensorboard.close()
    drops = JsonLines(run.pruning)
    for epoch in (1, 3):
        drops.append({"epoch": epoch})

    variable.assign(-1.0)
    log = EpochLog(run, config, {"state": [variable]}, epoch_steps=5)
    assert log.finished_epochs == 2
    assert float(variable) == 2.0
    assert [record["epoch"] for record in log.metrics] == [1, 2]
    assert [json.loads(line)["epoch"] for line in run.metrics.read_text().splitlines()] == [1, 2]
    assert log.keep_finished(drops) == [{"epoch": 1}] == drops.read()
    assert curve(run.tensorboard) == [1, 2]


def test_clock_readings_are_in_a_file_of_their_own_and_keep_what_was_repeated(run, config):
    variable = tf.Variable(0.0)
    train(EpochLog(run, config, {"state": [variable]}, epoch_steps=5), variable, (1, 2, 3))
    train(EpochLog(run, config, {"state": [variable]}, epoch_steps=5), variable, (3, 4))
    records = [json.loads(line) for line in run.timing.read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3, 3, 4]
    assert all(record["seconds"] == 1.5 and record["peak_memory_gib"] > 0.1 for record in records)
    assert set(json.loads(run.metrics.read_text().splitlines()[0])) == {"epoch", "loss"}


def test_the_last_epoch_is_saved_whatever_its_number(run, config):
    variable = tf.Variable(0.0)
    train(EpochLog(run, config, {"state": [variable]}, epoch_steps=5), variable, (1, 2, 3), last=3)
    assert EpochLog(run, config, {"state": [variable]}, epoch_steps=5).finished_epochs == 3


def test_lost_checkpoints_are_an_error_not_a_fresh_start(run, config):
    variable = tf.Variable(0.0)
    train(EpochLog(run, config, {"state": [variable]}, epoch_steps=5), variable, (1, 2, 3))
    shutil.rmtree(run.checkpoints)
    with pytest.raises(StorageError, match="checkpoints has no checkpoint"):
        EpochLog(run, config, {"state": [variable]}, epoch_steps=5)
    assert len(run.metrics.read_text().splitlines()) == 3


def test_the_interval_of_the_first_start_tells_whether_there_was_a_checkpoint(run, config):
    """The first process was killed in its sixth epoch, before its first checkpoint; the second one saves more often."""
    first, second = (dataclasses.replace(config, checkpoint_every_epochs=number) for number in (10, 1))
    run.config_file.write_text(json.dumps({"checkpoint_every_epochs": 10}))
    train(open_log(run, first), tf.Variable(0.0), range(1, 6))
    run.config = second
    assert open_log(run, second).finished_epochs == 0
    assert run.metrics.read_text() == ""
    # The other way round: the second process, killed before its first epoch, leaves it to the third.
    run.config = first
    train(open_log(run, first), tf.Variable(0.0), range(1, 6))
    assert open_log(run, first).finished_epochs == 0


def test_a_longer_interval_does_not_hide_that_all_checkpoints_are_lost(run, config):
    run.config_file.write_text(json.dumps({"checkpoint_every_epochs": 2}))
    train(open_log(run, config), tf.Variable(0.0), range(1, 4))
    with_logs_alone(run)
    with pytest.raises(StorageError, match="has no checkpoint"):
        open_log(run, dataclasses.replace(config, checkpoint_every_epochs=9))


def test_lost_lines_are_an_error(run, config):
    variable = tf.Variable(0.0)
    train(EpochLog(run, config, {"state": [variable]}, epoch_steps=5), variable, (1, 2))
    run.metrics.unlink()
    with pytest.raises(StorageError, match="holds 0 epochs and the checkpoint 2"):
        EpochLog(run, config, {"state": [variable]}, epoch_steps=5)


def test_a_checkpoint_within_an_epoch_counts_the_epochs_written_down_before_it(run, config):
    variable = tf.Variable(0.0)
    log = EpochLog(run, config, {"state": [variable]}, epoch_steps=5)
    train(log, variable, (1,))
    variable.assign(7.5)
    log.save_step(8)
    log = EpochLog(run, config, {"state": [variable]}, epoch_steps=5)
    assert (log.finished_epochs, log.finished_steps) == (1, 8)
    # Saved after its last step, before its line was written, and then as a whole: with the same number.
    log.save_step(10)
    log = EpochLog(run, config, {"state": [variable]}, epoch_steps=5)
    assert (log.finished_epochs, log.finished_steps) == (1, 10)
    train(log, variable, (2,))
    log = EpochLog(run, config, {"state": [variable]}, epoch_steps=5)
    assert (log.finished_epochs, log.finished_steps, float(variable)) == (2, 10, 2.0)


def test_the_part_of_an_epoch_before_a_stop_is_timed(run, config, monkeypatch):
    monkeypatch.setattr(epoch_log.time, "monotonic", lambda: 1060.0)
    log = open_log(run, config)
    log.save_step(2)
    log.save_step(3, 1000.0)
    log.close_tensorboard()
    log = open_log(run, config)
    log.add_epoch({"epoch": 1}, {"seconds": 30.0, "images_per_second": 9.0})
    log.save_step(7, 1050.0)
    log.close_tensorboard()
    lines = [json.loads(line) for line in run.timing.read_text().splitlines()]
    assert [line["seconds"] for line in lines] == [60.0, 30.0, 10.0]
    assert (lines[0]["epoch"], lines[0]["step"], lines[2]["epoch"], lines[2]["step"]) == (1, 3, 2, 7)


def values(folder):
    return sorted(
        (path.parent.name, value.tag, event.step)
        for path in folder.rglob("events*")
        for event in map(tf.compat.v1.Event.FromString, tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        for value in event.summary.value
    )


def test_curves_of_several_runs_and_results_stand_once_after_a_restart(run, config):
    for attempt in range(2):
        log = open_log(run, config)
        for epoch in range(log.finished_epochs + 1, 4):
            log.add_epoch({"epoch": epoch}, TIMING)
            for name in ("training", "validation"):
                log.curve_run(name).scalars(epoch, {"loss": 1.0})
            log.save_epoch(epoch, is_last=False)
        result = log.new_result_run()
        result.scalars(3, {"result/accuracy": float(attempt)})
        result.close()
        log.close_tensorboard()
    expected = [(name, "loss", step) for name in ("training", "validation") for step in (1, 2, 3)]
    expected += [("result", "result/accuracy", 3)]
    expected += [("tensorboard", "_hparams_/session_start_info", 0), ("tensorboard", "search/settings", 0)]
    assert values(run.tensorboard) == sorted(expected)


def test_a_run_that_continues_within_its_first_epoch_keeps_its_settings(run, config):
    log = open_log(run, config)
    log.save_step(2)
    log.close_tensorboard()
    log = open_log(run, config)
    assert (log.finished_epochs, log.finished_steps) == (0, 2)
    log.close_tensorboard()
    assert [tag for _, tag, _ in values(run.tensorboard)] == ["_hparams_/session_start_info", "search/settings"]
