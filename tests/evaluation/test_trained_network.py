import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import RunDirectoryError, StorageError
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.evaluation_step import AVERAGES
from eoinas_tf.evaluation.trained_network import restore_network
from eoinas_tf.experiment.checkpointing import Checkpoints
from eoinas_tf.space.genotype import Genotype

EDGES = (("max_pool_3x3", 0), ("skip_connect", 1))
CELLS = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
SUMMARY = {"image_shape": [8, 8, 1], "mean": [3.5], "standard_deviation": [2.5], "init_channels": 2}


@pytest.fixture
def trained(tmp_path):
    """A run folder as a training run with a budget leaves it: with fewer channels than requested."""
    config = EvaluationConfig(run_dir=str(tmp_path), cells=3, init_channels=4, export_formats=("saved_model", "onnx"))
    network = build_network(dataclasses.replace(config, init_channels=2), CELLS, (8, 8, 1), 2)
    others = [network.variables[0]]
    Checkpoints(tmp_path / "checkpoints", {"network": network.variables, "optimizer": others}).save(7, {"epoch": 1})
    settings = {"kind": "EvaluationConfig", **json.loads(config.to_json()), "setting_of_another_version": 3}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "dataset.json").write_text(json.dumps({"class_names": ["cat", "dog"]}))
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    (tmp_path / "genotype.json").write_text(CELLS.to_json())
    return network


def test_the_newest_checkpoint_s_weights_and_what_they_mean(trained, tmp_path):
    restored = restore_network(tmp_path)
    assert restored[1:] == ((8, 8, 1), ("cat", "dog"), (3.5,), (2.5,))
    assert restored.network.auxiliary_head is not None
    for own, other in zip(restored.network.variables, trained.variables, strict=True):
        np.testing.assert_array_equal(own, other)


def test_of_a_training_with_averages_they_are_the_network(trained, tmp_path):
    """As a run with `ema_decay` leaves it: the checkpoint holds both networks."""
    averages = [variable + 1 for variable in trained.variables]
    state = {"network": trained.variables, AVERAGES: [tf.Variable(average) for average in averages]}
    Checkpoints(tmp_path / "checkpoints", state).save(8, {"epoch": 2})
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "ema_decay": 0.9}))
    for own, average in zip(restore_network(tmp_path).network.variables, averages, strict=True):
        np.testing.assert_array_equal(own, average)


def test_of_a_run_that_kept_the_best_weights_these_are_restored(trained, tmp_path):
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "validation_fraction": 0.25, "keep_best": True}))
    last = [variable.numpy() + 1 for variable in trained.variables]
    state = {"network": list(map(tf.Variable, last)), "best_network": trained.variables}
    Checkpoints(tmp_path / "checkpoints", state).save(8, {"epoch": 2})
    for chosen, shift in ((1, 0), (None, 1)):  # No epoch was complete, so none was kept.
        (tmp_path / "summary.json").write_text(json.dumps({**SUMMARY, "chosen_epoch": chosen}))
        for own, other in zip(restore_network(tmp_path).network.variables, trained.variables, strict=True):
            np.testing.assert_array_equal(own, other.numpy() + shift)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", '{"kind": "SearchConfig"}'),
        ("config.json", "[]"),
        ("summary.json", "{}"),
        ("summary.json", json.dumps({**SUMMARY, "image_shape": [8]})),
        ("dataset.json", "nothing"),
    ],
)
def test_what_is_no_finished_training_is_one_line(file, content, trained, tmp_path):
    (tmp_path / file).write_text(content)
    with pytest.raises(RunDirectoryError, match="holds no finished training of this version"):
        restore_network(tmp_path)


def test_a_checkpoint_of_another_network_is_refused(trained, tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps({**SUMMARY, "init_channels": 3}))
    with pytest.raises(StorageError, match="does not fit"):
        restore_network(tmp_path)


def test_weights_of_another_step_than_the_tested_ones_are_refused(trained, tmp_path):
    """As `--max_steps=7` ended the run with a test, and a command without it was killed later."""
    (tmp_path / "summary.json").write_text(json.dumps({**SUMMARY, "steps": 7}))
    state = {"network": trained.variables}
    Checkpoints(tmp_path / "checkpoints", state).save(7, {"epoch": 1, "step": 7})
    restore_network(tmp_path)
    Checkpoints(tmp_path / "checkpoints", state).save(9, {"epoch": 1, "step": 9})
    with pytest.raises(RunDirectoryError, match="after step 7, but its newest whole checkpoint is of step 9"):
        restore_network(tmp_path)


def test_without_a_checkpoint_there_are_no_weights(trained, tmp_path):
    (tmp_path / "checkpoints").rename(tmp_path / "elsewhere")
    (tmp_path / "checkpoints.json").unlink()
    with pytest.raises(RunDirectoryError, match="no checkpoint to take weights from"):
        restore_network(tmp_path)
