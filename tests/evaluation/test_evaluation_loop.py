import dataclasses
import json
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.errors import (
    ConfigurationError,
    DatasetError,
    MemoryExhaustedError,
    NonFiniteError,
    RunDirectoryError,
    StoppedError,
    StorageError,
)
from eoinas_tf.evaluation import evaluation_images, evaluation_loop
from eoinas_tf.evaluation.evaluation_loop import run_evaluation
from eoinas_tf.evaluation.evaluation_session import EvaluationSession
from eoinas_tf.evaluation.evaluation_step import EvaluationStep
from eoinas_tf.experiment import export_formats
from eoinas_tf.experiment.exported_predictions import LOADERS
from eoinas_tf.space.genotype import Genotype

EDGES = (("max_pool_3x3", 0), ("skip_connect", 1))
GENOTYPE = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
EPOCHS, EPOCH_STEPS = 4, 3

pytestmark = pytest.mark.usefixtures("exports_are_checked_in_this_process", "pictures_are_not_drawn")


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    """Bright and dark 8x8 images: 26 for training, 10 for testing."""
    generator = np.random.default_rng(0)

    def split(count):
        labels = np.arange(count) % 2
        images = generator.integers(0, 100, size=(count, 8, 8, 3)) + 120 * labels[:, None, None, None]
        return ImageSplit.from_pixels(images.astype(np.uint8), labels)

    dataset = ImageDataset("small", ("dark", "bright"), (8, 8, 3), split(26), split(10))
    monkeypatch.setattr(evaluation_images, "load_image_dataset", lambda *_, **__: dataset)
    return dataset


@pytest.fixture
def config(tmp_path):
    genotype = tmp_path / "genotype.json"
    genotype.write_text(GENOTYPE.to_json())
    return EvaluationConfig(
        genotype=str(genotype),
        run_dir=str(tmp_path / "run"),
        cells=3,
        init_channels=2,
        batch_size=8,
        epochs=EPOCHS,
        crop_padding=1,
        cutout_length=2,
        drop_path=0.3,
        tensorboard=False,
    )


def checkpoint_bytes(folder, step):
    reader = tf.train.load_checkpoint(str(folder / "checkpoints" / f"ckpt-{step:08d}" / "variables"))
    names = sorted(reader.get_variable_to_shape_map())
    # TensorFlow's own entry contains the variables' Python names, which are numbered throughout a process.
    return {name: reader.get_tensor(name) for name in names if not name.startswith("_")}


def test_a_signal_between_two_epochs_loses_none(config, monkeypatch):
    prepared = EvaluationSession.epoch

    def interrupted(session, number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return prepared(session, number)

    monkeypatch.setattr(EvaluationSession, "epoch", interrupted)
    with pytest.raises(StoppedError, match=f"saved after step {2 * EPOCH_STEPS + 1}"):
        run_evaluation(dataclasses.replace(config, checkpoint_every_epochs=10))


def test_a_continued_run_is_an_uninterrupted_one_bit_for_bit(config, tmp_path, capsys):
    # The 26 images make four steps.
    config = dataclasses.replace(config, batch_size=6, steps_per_epoch=EPOCH_STEPS)
    summary = run_evaluation(config)
    pieces = dataclasses.replace(config, run_dir=str(tmp_path / "pieces"))
    # Ends in the middle of epoch 3, and is resumed there.
    early = run_evaluation(dataclasses.replace(pieces, max_steps=2 * EPOCH_STEPS + 1))
    assert (early["finished"], early["epochs"], early["steps"]) == (False, 2, 7)
    written = capsys.readouterr().out
    assert "ended by --max_steps=7 after 7 of 12 steps, which are saved" in written
    assert written.count(" training images, ") == 2
    assert run_evaluation(pieces) == summary
    assert "continuing after epoch 2 of 4, step 7" in capsys.readouterr().out

    whole, resumed = tmp_path / "run", tmp_path / "pieces"
    timing = [json.loads(line) for line in (resumed / "timing.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line.get("step")) for line in timing] == [
        (1, None),
        (2, None),
        (3, 7),
        (3, None),
        (4, None),
    ]
    assert (whole / "metrics.jsonl").read_bytes() == (resumed / "metrics.jsonl").read_bytes()
    expected, received = checkpoint_bytes(whole, EPOCHS * EPOCH_STEPS), checkpoint_bytes(resumed, EPOCHS * EPOCH_STEPS)
    assert expected.keys() == received.keys() != set()
    for name, value in expected.items():
        assert np.asarray(value).tobytes() == np.asarray(received[name]).tobytes(), name

    records = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3, 4]
    assert records[1]["learning_rate"] == pytest.approx(0.0125)
    assert [record["drop_path"] for record in records] == pytest.approx([0.075, 0.15, 0.225, 0.3])
    assert len({record["train_loss"] for record in records}) == EPOCHS
    assert all(0 < record["train_cross_entropy"] < record["train_loss"] for record in records)
    for name in ("test_accuracy", "test_top_5_accuracy"):
        assert records[-1][name] == summary[name]
    # With two classes, both are among the five most likely.
    assert summary["test_top_5_accuracy"] == 1.0
    assert summary["finished"]
    for name in ("genotype", "metrics", "saved_model"):
        assert (whole / summary[name]).exists()
    table = (whole / "class_accuracy.csv").read_text()
    assert table == (resumed / "class_accuracy.csv").read_text()
    assert [line.split(",")[:2] for line in table.splitlines()[1:]] == [["dark", "5"], ["bright", "5"]]
    assert (whole / "plots" / "confusion_matrix.png").exists()
    assert summary["test_loss"] == pytest.approx(records[-1]["test_loss"], rel=1e-5)


@pytest.mark.usefixtures("untraced", "nothing_is_exported")
def test_a_network_narrowed_to_a_budget_trains_as_if_asked_for(config, tmp_path, capsys):
    config = dataclasses.replace(config, epochs=1)
    asked = run_evaluation(config)
    budget = {"init_channels": 6, "max_parameters": asked["parameters"], "run_dir": str(tmp_path / "narrowed")}
    capsys.readouterr()
    assert run_evaluation(dataclasses.replace(config, **budget)) == asked
    assert asked["init_channels"] == 2
    lines = capsys.readouterr().out.splitlines()
    assert sum("--init_channels lowered from 6 to 2" in line for line in lines) == 1
    first, second = tmp_path / "run", tmp_path / "narrowed"
    assert (first / "metrics.jsonl").read_bytes() == (second / "metrics.jsonl").read_bytes()


def test_the_export_classifies_raw_images_and_a_finished_run_exports_again(config, tmp_path, small_images):
    config = dataclasses.replace(config, epochs=20, drop_path=0.0)
    summary = run_evaluation(config)
    signature = tf.saved_model.load(str(tmp_path / "run" / summary["saved_model"])).signatures["serving_default"]
    images = small_images.test.load_batch(tf.range(10, dtype=tf.int64))
    outputs = signature(image=images)
    assert {"probabilities", "label", "class_name"} <= set(outputs)
    accuracy = float(np.mean(outputs["label"].numpy() == small_images.test.labels))
    assert accuracy == pytest.approx(summary["test_accuracy"])
    assert accuracy >= 0.9

    shutil.rmtree(tmp_path / "run" / "saved_model")
    assert run_evaluation(config) == summary
    assert (tmp_path / "run" / "saved_model").is_dir()
    assert len((tmp_path / "run" / "timing.jsonl").read_text().splitlines()) == 20

    both = run_evaluation(dataclasses.replace(config, export_formats=("saved_model", "tflite")))
    assert both == {**summary, "tflite": "tflite/model.tflite"}
    lite = LOADERS["tflite"](tmp_path / "run" / "tflite")(images.numpy())
    np.testing.assert_array_equal(lite["label"], outputs["label"])


@pytest.mark.usefixtures("untraced")
def test_an_export_that_could_not_be_made_is_refused_before_the_training(config, tmp_path, monkeypatch):
    onnx = dataclasses.replace(export_formats.EXPORT_FORMATS["onnx"], packages=("no_such_package",))
    monkeypatch.setitem(export_formats.EXPORT_FORMATS, "onnx", onnx)
    with pytest.raises(ConfigurationError, match="no_such_package"):
        run_evaluation(dataclasses.replace(config, export_formats=("onnx",)))
    assert not (tmp_path / "run").exists()
    run_evaluation(dataclasses.replace(config, max_steps=1))
    saved = sorted((tmp_path / "run" / "checkpoints").iterdir())
    (tmp_path / "run" / "tflite").mkdir()
    (tmp_path / "run" / "tflite" / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="tflite is not replaced"):
        run_evaluation(dataclasses.replace(config, export_formats=("saved_model", "tflite")))
    assert sorted((tmp_path / "run" / "checkpoints").iterdir()) == saved
    assert (tmp_path / "run" / "tflite" / "notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("max_steps", [0, 2])
def test_a_loss_that_is_not_finite_ends_the_run_and_is_not_saved(config, tmp_path, max_steps):
    with pytest.raises(NonFiniteError, match=r"training step.*\(epoch 1\)"):
        run_evaluation(dataclasses.replace(config, learning_rate=1e30, gradient_clip_norm=1e30, max_steps=max_steps))
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert not (tmp_path / "run" / "saved_model").exists()


@pytest.mark.usefixtures("untraced")
def test_damaged_moving_statistics_end_the_run_and_are_not_saved(config, tmp_path, monkeypatch):
    real_test = EvaluationStep.test_all

    def test_all(step, batches):
        for variable in step.state.network.non_trainable_variables:
            variable.assign(np.asarray(variable) * float("nan"))
        return real_test(step, batches)

    monkeypatch.setattr(EvaluationStep, "test_all", test_all)
    with pytest.raises(NonFiniteError, match=r"test loss.* after step 3 \(epoch 1\)"):
        run_evaluation(config)
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


@pytest.mark.usefixtures("untraced")
def test_other_images_are_refused_when_a_run_goes_on_and_when_it_is_finished(
    config, tmp_path, small_images, monkeypatch
):
    run_evaluation(dataclasses.replace(config, max_steps=EPOCH_STEPS))
    renamed = dataclasses.replace(small_images, class_names=("dark", "light"))
    monkeypatch.setattr(evaluation_images, "load_image_dataset", lambda *_, **__: renamed)
    with pytest.raises(RunDirectoryError, match="class 'bright' was renamed to 'light'"):
        run_evaluation(config)
    monkeypatch.setattr(evaluation_images, "load_image_dataset", lambda *_, **__: small_images)
    summary = run_evaluation(config)
    export = (tmp_path / "run" / "saved_model" / "export.json").read_bytes()
    fewer = dataclasses.replace(small_images, test=small_images.test.subset(np.arange(7)))
    monkeypatch.setattr(evaluation_images, "load_image_dataset", lambda *_, **__: fewer)
    with pytest.raises(RunDirectoryError, match="test: 3 images fewer"):
        run_evaluation(config)
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == summary
    assert (tmp_path / "run" / "saved_model" / "export.json").read_bytes() == export


@pytest.mark.usefixtures("untraced", "nothing_is_exported")
def test_a_genotype_file_that_changed_is_refused(config, tmp_path):
    run_evaluation(dataclasses.replace(config, max_steps=1))
    edges = (EDGES[0], ("avg_pool_3x3", 1))
    changed = dataclasses.replace(GENOTYPE, normal=edges)
    (tmp_path / "genotype.json").write_text(changed.to_json())
    with pytest.raises(RunDirectoryError, match="is not the genotype that the run"):
        run_evaluation(config)


def test_settings_are_refused_before_any_work(config, tmp_path):
    with pytest.raises(ConfigurationError, match="--genotype is missing"):
        run_evaluation(dataclasses.replace(config, genotype=""))
    assert not (tmp_path / "run").exists()
    with pytest.raises(DatasetError, match="--batch_size=27"):
        run_evaluation(dataclasses.replace(config, batch_size=27))


@pytest.mark.usefixtures("untraced", "nothing_is_exported")
def test_what_a_refused_run_left_does_not_stop_one_that_follows_the_advice(config, tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match="--batch_size=27"):
        run_evaluation(dataclasses.replace(config, batch_size=27))

    def exhausted(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(evaluation_loop, "train_epoch", exhausted)
        with pytest.raises(MemoryExhaustedError, match="lower --batch_size"):
            run_evaluation(dataclasses.replace(config, batch_size=26, tensorboard=True))
    assert (tmp_path / "run" / "genotype.json").exists()
    assert (tmp_path / "run" / "tensorboard").exists()
    assert run_evaluation(dataclasses.replace(config, max_steps=1, tensorboard=True))["steps"] == 1


@pytest.mark.usefixtures("untraced")
def test_a_hand_designed_network_is_trained_continued_and_exported_like_cells(config, tmp_path):
    config = dataclasses.replace(config, network="residual", genotype="", init_channels=4, epochs=2)
    summary = run_evaluation(config)
    pieces = dataclasses.replace(config, run_dir=str(tmp_path / "pieces"))
    run_evaluation(dataclasses.replace(pieces, max_steps=EPOCH_STEPS + 1))
    assert run_evaluation(pieces) == summary
    assert (summary["genotype"], summary["auxiliary_parameters"]) == (None, 0)
    assert not (tmp_path / "run" / "genotype.json").exists()
    assert (tmp_path / "run" / summary["saved_model"]).exists()
    whole, resumed = (checkpoint_bytes(tmp_path / name, 2 * EPOCH_STEPS) for name in ("run", "pieces"))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, resumed[name], err_msg=name)
