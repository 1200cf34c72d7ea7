"""A training run that chooses its epochs by hours equals, in every value, one with that number of epochs set."""

import functools
import json
import tempfile

import pytest
import tensorflow as tf
from small_trained_run import write_trained_run

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError, DatasetError, StorageError
from eoinas_tf.evaluation.evaluation_loop import run_evaluation, train_epoch
from eoinas_tf.evaluation.training_rehearsal import check_training, training_within_hours
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.training.rehearsal import Rehearsal
from eoinas_tf.training.time_budget import ChosenEpochs, RunCost

pytestmark = pytest.mark.usefixtures("pictures_are_not_drawn", "untraced")

TINY = {
    "dataset": "digits", "network": "residual", "cells": 3, "init_channels": 2, "batch_size": 440, "crop_padding": 1,
    "horizontal_flip": False, "cutout_length": 2, "warmup_epochs": 1,
}  # fmt: skip
FILES = ("metrics.jsonl", "summary.json", "class_accuracy.csv")
# Of all the steps that the images make, a part.
CHOSEN = ChosenEpochs(2, 2)


def test_a_warm_up_leaves_an_epoch():
    config = EvaluationConfig(hours=1.0, warmup_epochs=2)
    check_training(config, 3)
    with pytest.raises(ConfigurationError, match="--warmup_epochs must be below --epochs"):
        check_training(config, 2)


@pytest.fixture
def chosen(monkeypatch, tmp_path):
    """Lets every training run choose two epochs of few steps; returns the costs that it saw."""
    costs = []
    monkeypatch.setattr(RunCost, "choose_epochs", lambda cost, config, spent: costs.append((cost, spent)) or CHOSEN)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return costs


def left_behind(folder):
    found = {name: (folder / name).read_bytes() for name in FILES}
    newest = max((folder / "checkpoints").iterdir())
    reader = tf.train.load_checkpoint(str(newest / "variables"))
    # Without the names of layers, whose numbers increase from run to run.
    names = sorted(name for name in reader.get_variable_to_shape_map() if name != "_CHECKPOINTABLE_OBJECT_GRAPH")
    assert len(names) > 20
    return {**found, newest.name: [(name, reader.get_tensor(name).tobytes()) for name in names]}


def test_it_is_the_training_of_so_many_epochs(chosen, tmp_path, capsys, nothing_is_exported):
    by_hours = EvaluationConfig(run_dir=str(tmp_path / "hours"), hours=1.0, **TINY)
    run_evaluation(by_hours, seconds_before=7.0)
    output = capsys.readouterr().out
    assert (output.count("test accuracy "), output.count("1/2")) == (1, 1)
    ((cost, spent),) = chosen
    assert spent > 7.0
    assert cost.epoch_steps == 3  # 1438 images in batches of 440.
    assert cost.count(5) == {"training": 5}
    assert cost.kinds["training"].seconds_per_step > 0
    assert cost.kinds["training"].seconds_around_steps > 0
    assert cost.seconds_around_epochs > 0
    assert list((tmp_path / "temporary").glob("eoinas_rehearsal_*")) == []
    run_evaluation(EvaluationConfig(run_dir=str(tmp_path / "epochs"), epochs=2, steps_per_epoch=2, **TINY))
    assert left_behind(tmp_path / "hours") == left_behind(tmp_path / "epochs")
    stored = json.loads((tmp_path / "hours" / "config.json").read_text())
    assert (stored["hours"], stored["epochs"], stored["steps_per_epoch"]) == (1.0, 2, 2)


def test_steps_in_one_call_and_checkpoints_within_epochs_are_measured(chosen, tmp_path, monkeypatch):
    seconds_of = Rehearsal._seconds_of

    def slow_saves(rehearsal, run, count):
        return seconds_of(rehearsal, run, count) + (5000.0 if isinstance(run, functools.partial) else 0.0)

    monkeypatch.setattr(Rehearsal, "_seconds_of", slow_saves)
    settings = {**TINY, "batch_size": 100, "steps_per_call": 10, "checkpoint_every_steps": 5}
    config = EvaluationConfig(run_dir=str(tmp_path / "run"), hours=1.0, quiet=True, **settings)
    training_within_hours(config, None, None, 0.0, train_epoch)
    ((cost, _),) = chosen
    assert 1000.0 < cost.kinds["training"].seconds_per_step < 1100.0


def test_epochs_with_a_frozen_backbone_are_timed_on_their_own(chosen, tmp_path, nothing_is_exported):
    source = tmp_path / "source"
    write_trained_run(source, image_shape=(8, 8, 1), classes=10, genotype=None, network="residual")
    weights = {"initial_weights": str(source), "freeze_backbone_epochs": 1}
    # The accuracy of a rehearsal does not rise, which must not stop it.
    settings = {**TINY, "batch_size": 100, "learning_rate": 1e-9, "learning_rate_end": 0.0, "warmup_epochs": 0}
    stopping = {"validation_fraction": 0.2, "early_stopping_epochs": 1}
    run_evaluation(EvaluationConfig(run_dir=str(tmp_path / "hours"), hours=1.0, **weights, **stopping, **settings))
    ((cost, _),) = chosen
    assert cost.count(5) == {"frozen training": 1, "training": 4}
    assert all(kind.seconds_per_step > 0 for kind in cost.kinds.values())
    assert len(JsonLines(tmp_path / "hours" / "metrics.jsonl").read()) == 2


def test_what_an_export_would_replace_is_refused_before_an_image_is_read(tmp_path):
    run_dir = tmp_path / "run"
    config = EvaluationConfig(run_dir=str(run_dir), hours=1.0, **{**TINY, "dataset": "folder:nowhere"})
    with pytest.raises(DatasetError, match="nowhere"):
        training_within_hours(config, None, None, 0.0, train_epoch)
    (run_dir / "saved_model").mkdir()
    (run_dir / "saved_model" / "mine.txt").touch()
    with pytest.raises(StorageError, match="saved_model"):
        training_within_hours(config, None, None, 0.0, train_epoch)
