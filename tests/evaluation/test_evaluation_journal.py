import dataclasses
import json

import keras
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.evaluation.best_weights import BestWeights
from eoinas_tf.evaluation.evaluation_journal import EvaluationJournal, curves_of, keep_genotype
from eoinas_tf.evaluation.evaluation_step import EvaluationState
from eoinas_tf.evaluation.training_results import TrainingResults
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.optimization.precision import NoLossScale
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

TIMING = {"seconds": 1.0, "images_per_second": 2.0}


def config_in(folder, **arguments):
    return EvaluationConfig(genotype="DARTS_V2", run_dir=str(folder), tensorboard=False, **arguments)


def new_state(value=0.0):
    network = keras.Sequential([keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(value))])
    network.build((None, 1))
    optimizer = keras.optimizers.SGD(momentum=0.9)
    optimizer.build(network.trainable_variables)
    return EvaluationState(network, optimizer, TrainingResults(), NoLossScale())


def record(epoch, part="test", **values):
    return {"epoch": epoch, **{name: 0.5 for tags in curves_of(part).values() for name in tags}, **values}


def test_a_journal_continues_after_the_last_checkpoint(tmp_path):
    config = config_in(tmp_path / "run", checkpoint_every_epochs=2)
    with RunDirectory(config) as run:
        state = new_state()
        journal = EvaluationJournal(run, config, state, epoch_steps=5)
        assert journal.finished_epochs == 0
        for epoch in (1, 2, 3):
            state.network.layers[0].kernel.assign([[float(epoch)]])
            journal.add_epoch(record(epoch), TIMING, is_last=False)
    with RunDirectory(config) as run:
        restored = new_state(9.0)
        assert EvaluationJournal(run, config, restored, epoch_steps=5).finished_epochs == 2
        assert float(restored.network.layers[0].kernel[0, 0]) == 2.0
        assert [json.loads(line)["epoch"] for line in run.metrics.read_text().splitlines()] == [1, 2]
        assert [json.loads(line)["epoch"] for line in run.timing.read_text().splitlines()] == [1, 2, 3]


def test_the_weights_of_the_best_epoch_are_part_of_each_checkpoint(tmp_path):
    config = config_in(tmp_path / "run", validation_fraction=0.25, keep_best=True)

    def state_that_keeps(value):
        state = new_state(value)
        return dataclasses.replace(state, best=BestWeights(state.network))

    with RunDirectory(config) as run:
        state = state_that_keeps(0.0)
        journal = EvaluationJournal(run, config, state, 5, "validation")
        for epoch, accuracy in ((1, 0.5), (2, 0.75), (3, 0.75)):
            state.network.layers[0].kernel.assign([[float(epoch)]])
            journal.add_epoch(record(epoch, "validation", validation_accuracy=accuracy), TIMING, is_last=False)
    with RunDirectory(config) as run:
        restored = state_that_keeps(9.0)
        EvaluationJournal(run, config, restored, 5, "validation")
        assert float(restored.network.layers[0].kernel[0, 0]) == 3.0
        assert float(restored.best.variables[0][0, 0]) == 2.0


def test_the_last_epoch_is_always_saved(tmp_path):
    config = config_in(tmp_path / "run", checkpoint_every_epochs=100)
    with RunDirectory(config) as run:
        EvaluationJournal(run, config, new_state(), epoch_steps=5).add_epoch(record(1), TIMING, is_last=True)
        assert EvaluationJournal(run, config, new_state(), epoch_steps=5).finished_epochs == 1


def test_every_variable_is_saved():
    state = new_state()
    saved = [variable for variables in state.variables().values() for variable in variables]
    assert len(saved) == len(state.network.variables) + len(state.optimizer.variables) + 5
    assert any(isinstance(variable, tf.Variable) and variable is state.results.first_bad_step for variable in saved)


def test_another_genotype_under_the_same_name_is_refused(tmp_path):
    config = config_in(tmp_path / "run")
    genotype = PUBLISHED_GENOTYPES["DARTS_V2"]
    with RunDirectory(config) as run:
        # Nothing is trained yet, so other cells may take the place of those of a refused run.
        for cells in (dataclasses.replace(genotype, normal_concat=(2, 3)), genotype):
            keep_genotype(run, config, cells)
            assert Genotype.read(run.genotype) == cells
        run.metrics.write_text("")
        keep_genotype(run, config, dataclasses.replace(genotype, source="the same cells from elsewhere"))
        with pytest.raises(RunDirectoryError, match="is not the genotype"):
            keep_genotype(run, config, dataclasses.replace(genotype, normal_concat=(2, 3)))


def test_a_finished_run_has_its_summary_and_a_picture_of_its_curves(tmp_path):
    config = config_in(tmp_path / "run")
    with RunDirectory(config) as run:
        journal = EvaluationJournal(run, config, new_state(), epoch_steps=5)
        journal.add_epoch(record(1), TIMING, is_last=True)
        journal.finish({"epochs": 1, "test_accuracy": 0.5})
        assert json.loads(run.summary.read_text())["test_accuracy"] == 0.5
        assert min(tf.io.decode_png((run.plots / "training.png").read_bytes()).shape[:2]) > 300
        assert "50.00 % of the test images" in run.report.read_text(encoding="utf-8")


def test_training_and_test_share_charts_and_a_finished_run_that_is_repeated_writes_nothing_twice(tmp_path):
    config = dataclasses.replace(config_in(tmp_path / "run"), tensorboard=True)
    for _ in range(2):
        with RunDirectory(config) as run:
            keep_genotype(run, config, PUBLISHED_GENOTYPES["DARTS_V2"])
            journal = EvaluationJournal(run, config, new_state(), epoch_steps=5)
            if not journal.finished_epochs:
                journal.add_epoch(record(1), TIMING, is_last=True)
            journal.finish({"epochs": 1, "test_accuracy": 0.5})
    found = [
        (path.parent.name, value.tag, event.step)
        for path in run.tensorboard.rglob("events*")
        for event in map(tf.compat.v1.Event.FromString, tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        for value in event.summary.value
    ]
    assert len(found) == len(set(found))
    assert {
        ("training", "cross_entropy", 1), ("test", "cross_entropy", 1), ("training", "accuracy", 1),
        ("test", "accuracy", 1), ("result", "result/test_accuracy", 1), ("result", "training/genotype", 1),
        ("tensorboard", "custom_scalars__config__", 0), ("tensorboard", "training/settings", 0),
    } <= set(found)  # fmt: skip
