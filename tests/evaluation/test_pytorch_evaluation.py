import dataclasses
import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.api.run_folders import load_run
from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.errors import (
    ConfigurationError,
    MemoryExhaustedError,
    NonFiniteError,
    RunDirectoryError,
    WeightsError,
)
from eoinas_tf.evaluation import evaluation_images, pytorch_evaluation
from eoinas_tf.evaluation.evaluation_loop import run_evaluation
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.pytorch_weights import pytorch_tensors
from eoinas_tf.space.genotype import Genotype

EDGES = (("dil_conv_3x3", 0), ("skip_connect", 1))
GENOTYPE = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
SETTINGS = {"cells": 3, "init_channels": 2}

pytestmark = pytest.mark.usefixtures("exports_are_checked_in_this_process", "pictures_are_not_drawn")


@pytest.fixture(autouse=True)
def small_images(monkeypatch, generator):
    """Grey images of 8x8 pixels: 4 from which only mean and deviation are taken, and 10 for testing."""

    def split(count):
        images = generator.integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)
        return ImageSplit.from_pixels(images, np.arange(count) % 3)

    dataset = ImageDataset("small", ("a", "b", "c"), (8, 8, 1), split(4), split(10))
    monkeypatch.setattr(evaluation_images, "load_image_dataset", lambda *_, **__: dataset)
    return dataset


@pytest.fixture
def weights(generator):
    """Weights with an auxiliary head, which most published weights include."""
    network = EvaluationNetwork(GENOTYPE, 3, **SETTINGS)
    network.build((None, 8, 8, 1))
    # Between 0 and 0.5, so that no variance is below 0 and no probability close to 0.
    return {tensor.name: generator.random(tensor.shape) / 2 for tensor in pytorch_tensors(network)}


@pytest.fixture
def config(tmp_path, weights):
    (tmp_path / "genotype.json").write_text(GENOTYPE.to_json())
    np.savez(tmp_path / "weights.npz", **weights)
    return EvaluationConfig(
        genotype=str(tmp_path / "genotype.json"),
        pytorch_weights=str(tmp_path / "weights.npz"),
        run_dir=str(tmp_path / "run"),
        batch_size=4,
        **SETTINGS,
    )


def test_the_loaded_network_is_tested_exported_and_traceable(config, small_images, weights, tmp_path, capsys):
    summary = run_evaluation(config)
    run = tmp_path / "run"
    assert json.loads((run / "summary.json").read_text()) == summary
    assert summary["pytorch_weights_sha256"] == hashlib.sha256((tmp_path / "weights.npz").read_bytes()).hexdigest()
    assert Genotype.read(run / summary["genotype"]) == GENOTYPE
    written = capsys.readouterr().out
    assert "test accuracy" in written
    assert " training images, " in written
    trained = {name: values for name, values in weights.items() if "running" not in name and "auxiliary" not in name}
    assert summary["parameters"] == sum(values.size for values in trained.values())

    outputs = tf.saved_model.load(str(run / summary["saved_model"])).signatures["serving_default"](
        image=small_images.test.load_batch(tf.range(10, dtype=tf.int64))
    )
    labels = small_images.test.labels
    assert summary["test_accuracy"] == pytest.approx(np.mean(outputs["label"] == labels))
    probabilities = outputs["probabilities"].numpy()[np.arange(10), labels]
    assert summary["test_loss"] == pytest.approx(np.mean(-np.log(probabilities)), rel=1e-4)
    assert np.ptp(probabilities) > 0
    # As after a training run, in Python.
    loaded = load_run(run)
    assert loaded.class_names == small_images.class_names
    images = small_images.test.load_batch(tf.range(10, dtype=tf.int64))
    np.testing.assert_allclose(loaded.model.predict(images, verbose=0), outputs["probabilities"], atol=1e-5)

    assert run_evaluation(config) == summary
    with pytest.raises(RunDirectoryError, match="--pytorch_weights"):
        run_evaluation(dataclasses.replace(config, pytorch_weights=None))


def test_a_finished_run_refuses_other_weights_and_other_images(config, small_images, weights, tmp_path, monkeypatch):
    summary = run_evaluation(config)
    weights["classifier.bias"] += 1
    np.savez(tmp_path / "changed.npz", **weights)
    (tmp_path / "changed.npz").rename(tmp_path / "weights.npz")
    with pytest.raises(RunDirectoryError, match=r"weights\.npz holds other weights than those"):
        run_evaluation(config)
    weights["classifier.bias"] -= 1
    np.savez(tmp_path / "weights.npz", **weights)
    renamed = dataclasses.replace(small_images, class_names=("a", "b", "d"))
    monkeypatch.setattr(evaluation_images, "load_image_dataset", lambda *_, **__: renamed)
    with pytest.raises(RunDirectoryError, match="class 'c' was renamed to 'd'"):
        run_evaluation(config)
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == summary


def test_weights_that_do_not_fit_leave_no_run_folder(config, tmp_path):
    for changes, message in [
        ({"init_channels": 3}, r"weights\.npz: stem\.0\.weight must have shape \(9, 1, 3, 3\)"),
        ({"pytorch_weights": str(tmp_path / "none.npz")}, "No such file"),
    ]:
        with pytest.raises(WeightsError, match=message):
            run_evaluation(dataclasses.replace(config, **changes))
    with pytest.raises(ConfigurationError, match="--normalization=imagenet"):
        run_evaluation(dataclasses.replace(config, normalization="imagenet"))
    assert not (tmp_path / "run").exists()


def test_too_little_memory_is_one_line(config, monkeypatch):
    def exhausted(*arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(pytorch_evaluation, "collect_predictions", exhausted)
    with pytest.raises(MemoryExhaustedError, match=r"^out of memory \(OOM .*\); lower --batch_size$"):
        run_evaluation(config)


def test_weights_with_which_nothing_is_finite_are_refused(config, weights, tmp_path):
    weights["classifier.weight"][:] = 3e38
    np.savez(tmp_path / "weights.npz", **weights)
    with pytest.raises(NonFiniteError, match="loss of the test images is"):
        run_evaluation(config)
    assert not (tmp_path / "run" / "saved_model").exists()
