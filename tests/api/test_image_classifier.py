"""The whole way from arrays to an export; and the process is afterwards as it was before."""

import json
import random
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import flags

import eoinas_tf
from eoinas_tf.api import image_classifier
from eoinas_tf.api.run_folders import SearchRun, TrainingRun
from eoinas_tf.errors import ConfigurationError, DatasetError, EoinasError, RunDirectoryError, StorageError
from eoinas_tf.experiment import export_formats

pytestmark = pytest.mark.usefixtures("pictures_are_not_drawn")

NETWORK = {
    "cells": 3, "init_channels": 2, "batch_size": 8, "crop_padding": 1, "horizontal_flip": False, "tensorboard": False,
}  # fmt: skip
SEARCH = {
    **NETWORK, "operations": ["skip_connect", "max_pool_3x3"], "warmup_epochs": 0, "pruning_after_epoch": 0,
    "pruning_every_epochs": 1, "mixed_precision": "bfloat16",
}  # fmt: skip
TUNING = {"crop_padding": 1, "horizontal_flip": False, "tensorboard": False, "drop_path": 0.0, "cutout_length": 0}
TRAINING = {**NETWORK, "cutout_length": 0, "drop_path": 0.0, "mixed_precision": "bfloat16"}


def process_state():
    """The parts of the process that a run could leave changed."""
    return {
        "python": random.getstate(),
        "numpy": [part.tolist() if hasattr(part, "tolist") else part for part in np.random.get_state()],  # noqa: NPY002
        "policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "grappler": tf.config.optimizer.get_experimental_options(),
        "threads": (
            tf.config.threading.get_intra_op_parallelism_threads(),
            tf.config.threading.get_inter_op_parallelism_threads(),
        ),
        "devices": len(tf.config.list_logical_devices()),
        "strategy": tf.distribute.has_strategy(),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "flags": sorted(flags.FLAGS),
    }


def test_from_arrays_to_an_export(arrays, tmp_path, exports_are_checked_in_this_process):
    x, y = arrays
    names = np.array(["dark", "bright"])[y]
    classifier = eoinas_tf.ImageClassifier(
        search_epochs=1, epochs=2, run_dir=tmp_path / "runs", search_settings=SEARCH, train_settings=TRAINING
    )
    with pytest.raises(ConfigurationError, match="call fit first"):
        classifier.predict(x)
    tf.random.set_seed(11)
    expected = [tf.random.uniform([3]).numpy().tolist() for _ in range(2)]
    tf.random.set_seed(11)
    received = [tf.random.uniform([3]).numpy().tolist()]
    before = process_state()
    assert classifier.fit(x, names) is classifier
    assert process_state() == before
    received.append(tf.random.uniform([3]).numpy().tolist())
    assert received == expected

    found, trained = classifier.found, eoinas_tf.load_run(tmp_path / "runs" / "training")
    assert isinstance(eoinas_tf.load_run(found.run_dir), SearchRun)
    assert isinstance(trained, TrainingRun)
    assert trained.genotype == found.genotype
    assert found.settings["dataset"] == "arrays"
    assert [record["epoch"] for record in trained.metrics] == [1, 2]
    assert found.plot("reduce").axes
    assert trained.class_names == ("bright", "dark")

    probabilities = classifier.predict_proba(x)
    model = tf.saved_model.load(str(trained.run_dir / "saved_model")).signatures["serving_default"]
    np.testing.assert_allclose(probabilities, model(image=tf.constant(x))["probabilities"], atol=0.02)  # bfloat16
    np.testing.assert_allclose(trained.model.predict(x, verbose=0), probabilities, atol=1e-6)
    assert classifier.predict(x).tolist() == np.array(["bright", "dark"])[probabilities.argmax(axis=1)].tolist()
    assert classifier.evaluate(x, names) == np.mean(classifier.predict(x) == names)
    with pytest.raises(ConfigurationError, match="must be images of"):
        classifier.predict(x[:, :4])

    # Fine-tuned on images of another size, with other class names, from the run and from its file.
    few = np.repeat(x, 2, axis=1)[::3], np.array(["night", "day"])[y[::3]]
    tuned = eoinas_tf.ImageClassifier(
        epochs=1, run_dir=tmp_path / "tuned", initial_weights=trained, train_settings={**TUNING, "batch_size": 4}
    ).fit(*few)
    assert tuned.found is None
    assert tuned.trained.genotype == found.genotype
    assert tuned.trained.summary["initial_weights"] == str(trained.run_dir)
    assert set(tuned.predict(few[0])) <= {"night", "day"}
    assert tuned.predict_proba(few[0]).shape == (14, 2)
    with pytest.raises(ConfigurationError, match="search_settings cannot be used with initial_weights"):
        eoinas_tf.ImageClassifier(initial_weights=trained, search_settings=SEARCH).fit(*few)

    # As a user does; the package itself loads no model.
    again = keras.models.load_model(classifier.export(tmp_path / "out" / "m.keras"))
    np.testing.assert_array_equal(again.predict(x, batch_size=128, verbose=0), probabilities)
    assert (classifier.export(tmp_path / "out" / "saved") / "saved_model.pb").exists()
    with pytest.raises(StorageError, match="exists and is not replaced"):
        classifier.export(tmp_path / "out" / "saved")

    # Keras itself draws from Python's generator when it loads a model.
    before = process_state()
    # The same call finds the run finished; other images make another run.
    assert eoinas_tf.search((x, names), run_dir=found.run_dir, epochs=1, **SEARCH).genotype == found.genotype
    with pytest.raises(RunDirectoryError, match="other images"):
        eoinas_tf.search((255 - x, names), run_dir=found.run_dir, epochs=1, **SEARCH)
    assert process_state() == before


def test_a_network_without_a_saved_model_says_how_to_get_one(tmp_path):
    classifier = eoinas_tf.ImageClassifier()
    classifier.trained = TrainingRun(tmp_path)
    with pytest.raises(StorageError, match=r"holds no SavedModel, .*ends in \.keras, or repeat fit with .*export_form"):
        classifier.export(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def runs(monkeypatch):
    """Records the (kind, settings) of the runs that a fit would make; the first training run ends it."""
    calls = []

    def search(data, **settings):
        calls.append(("search", settings))

    def train(found, data, **settings):
        calls.append(("training", settings))
        raise ConfigurationError("enough")

    monkeypatch.setattr(image_classifier, "search", search)
    monkeypatch.setattr(image_classifier, "train", train)
    return calls


def test_hours_are_shared_out_with_sizes_for_the_images(runs, tmp_path):
    x, y = np.zeros((100, 8, 8), np.uint8), np.arange(100) % 2
    classifier = eoinas_tf.ImageClassifier(hours=3, train_settings={"cells": 4, "hours": 1.0})
    with pytest.raises(ConfigurationError, match="enough"):
        classifier.fit(x, y)
    (_, searched), (_, trained) = runs
    assert searched["hours"] == pytest.approx(1.0)
    assert "epochs" not in searched.keys() | trained.keys()
    # 80 images of 8x8 pixels: three cells, at most 16 channels, batches of 4, a pixel of padding.
    assert [searched[name] for name in ("cells", "init_channels", "batch_size", "crop_padding")] == [3, 16, 4, 1]
    assert (searched["importance_iterations"], trained["drop_path"]) == ("relative", 0.1)
    assert (trained["cells"], trained["hours"], trained["init_channels"]) == (4, 1.0, 16)  # Given settings win.


def test_hours_with_initial_weights_choose_all_but_the_network(runs):
    # The images get the size of those that the weights were trained on: 16x16 pixels.
    x, y = np.zeros((100, 64, 64), np.uint8), np.arange(100) % 2
    with pytest.raises(ConfigurationError, match="enough"):
        eoinas_tf.ImageClassifier(hours=3, initial_weights="cifar10_small").fit(x, y)
    ((kind, trained),) = runs
    assert (kind, trained["hours"], trained["batch_size"], trained["cutout_length"]) == ("training", 3, 4, 0)
    assert trained["crop_padding"] == 2
    assert not {"cells", "init_channels"} & trained.keys()


def test_without_hours_the_epochs_are_those_of_before(runs):
    with pytest.raises(ConfigurationError, match="enough"):
        eoinas_tf.ImageClassifier().fit(np.zeros((200, 32, 32), np.uint8), np.arange(200) % 2)
    assert runs == [
        ("search", {"test_data": None, "run_dir": None, "epochs": 160}),
        ("training", {"test_data": None, "run_dir": None, "initial_weights": None, "epochs": 100}),
    ]


def test_a_run_that_began_keeps_its_sizes(runs, tmp_path):
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "config.json").write_text('{"cells": 7, "init_channels": 9}')
    (tmp_path / "search" / "metrics.jsonl").write_text("")
    with pytest.raises(ConfigurationError, match="enough"):
        eoinas_tf.ImageClassifier(hours=3, run_dir=tmp_path).fit(np.zeros((40, 8, 8), np.uint8), np.arange(40) % 2)
    assert [(runs[place][1]["cells"], runs[place][1]["init_channels"]) for place in (0, 1)] == [(7, 9), (3, 16)]


DIGITS = np.zeros((200, 8, 8), np.uint8), np.arange(200) % 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "--cutout_length would blank every training image completely"),
        ({"hours": 3, "train_settings": {"learning_rat": 0.1}}, "learning_rat is not a setting of a training; is it"),
        ({"hours": 3, "train_settings": {"network": "residual"}}, "--genotype belongs to networks of cells"),
        ({"hours": 3, "train_settings": {"epochs": 40}}, "leave out --hours or --epochs"),
        ({"train_settings": {"hours": 3}}, "leave out --hours or --epochs"),
        ({"train_settings": {"cutout_length": 0, "batch_size": 161}}, "--batch_size=161 is larger than the 160 images"),
        ({"hours": 3, "train_settings": {"batch_size": 81, "validation_fraction": 0.5}}, "larger than the 80 images"),
        (
            {"hours": 3, "train_settings": {"batch_size": 4, "accumulation_steps": 4}},
            "--batch_size must be at least 8 to be divided into 4 pieces",
        ),
        ({"hours": 3, "train_settings": {"image_size": "32x32"}}, "--image_size must be of type .* '32x32'"),
        ({"hours": 3, "search_settings": {"image_size": 0}}, "--image_size must be at least 4. Received: 0"),
        ({"hours": 3, "search_settings": {"image_size": (32,)}}, "--image_size must be two numbers"),
        ({"hours": 3, "train_settings": {"class_weights": "none.json"}}, r"none\.json"),
        ({"hours": 3, "train_settings": {"normalization": "cifar10"}}, "--normalization=cifar10"),
        ({"hours": 3, "train_settings": {"describe": True}}, r"describe is for run_eval\.py"),
        ({"hours": 3, "train_settings": {"run_dir": "a"}}, "run_dir cannot be set for one of the two runs"),
        ({"search_settings": {"genotype": "PDARTS"}}, "genotype cannot be set for one of the two runs"),
    ],
)
def test_what_the_training_would_refuse_is_refused_before_the_search(runs, arguments, message):
    with pytest.raises(EoinasError, match=message):
        eoinas_tf.ImageClassifier(**arguments).fit(*DIGITS)
    assert runs == []


def test_a_missing_package_of_an_export_is_reported_before_the_search(runs, monkeypatch):
    monkeypatch.setattr(export_formats.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="--export_formats=onnx needs packages"):
        eoinas_tf.ImageClassifier(hours=3, train_settings={"export_formats": ["onnx"]}).fit(*DIGITS)
    assert runs == []


def test_labels_that_are_not_one_for_each_image_are_refused(runs):
    with pytest.raises(DatasetError, match="several labels for an image is not supported"):
        eoinas_tf.ImageClassifier(hours=3).fit(DIGITS[0][:2], [[0], [0, 1]])


def test_the_training_has_the_images_of_its_search(runs):
    own = {"image_size": 16, "horizontal_flip": False, "seed": 3, "crop_padding": 1}
    classifier = eoinas_tf.ImageClassifier(hours=3, search_settings=own, train_settings={"crop_padding": 0})
    with pytest.raises(ConfigurationError, match="enough"):
        classifier.fit(*DIGITS)
    trained = runs[1][1]
    assert (trained["image_size"], trained["horizontal_flip"], trained["crop_padding"]) == (16, False, 0)
    assert "seed" not in trained


def test_a_training_that_began_before_it_had_the_images_of_its_search_keeps_its_own(runs, tmp_path):
    (tmp_path / "training").mkdir()
    stored = {"kind": "EvaluationConfig", "horizontal_flip": True, "image_size": None, "learning_rate": 0.05}
    (tmp_path / "training" / "config.json").write_text(json.dumps(stored))
    (tmp_path / "training" / "metrics.jsonl").write_text("")
    own = {"image_size": 16, "horizontal_flip": False}
    adamw = {"optimizer": "adamw"}
    classifier = eoinas_tf.ImageClassifier(hours=3, run_dir=tmp_path, search_settings=own, train_settings=adamw)
    with pytest.raises(ConfigurationError, match="enough"):
        classifier.fit(*DIGITS)
    trained = runs[1][1]
    assert (trained["image_size"], trained["horizontal_flip"], trained["learning_rate"]) == (None, True, 0.05)


def test_another_optimizer_gets_its_own_learning_rate(runs):
    own = {"optimizer": "adamw", "learning_rate_end": 0.0005}
    with pytest.raises(ConfigurationError, match="enough"):
        eoinas_tf.ImageClassifier(hours=3, train_settings=own).fit(*DIGITS)
    assert runs.pop()[1]["learning_rate"] == 0.001
    with pytest.raises(ConfigurationError, match="enough"):  # It is above the paper's rate, but not the recipe's.
        eoinas_tf.ImageClassifier(hours=3, train_settings={"learning_rate_end": 0.03}).fit(*DIGITS)
    assert runs.pop()[1]["learning_rate"] == 0.05


@pytest.mark.parametrize("kind", ["text", "bytes", "object", "number"])
def test_labels_of_every_kind_are_compared(monkeypatch, kind):
    names = np.array(["cat", "dog"])[DIGITS[1]]
    given = {"text": names, "bytes": np.char.encode(names), "object": np.array([n.encode() for n in names], object)}
    classifier = eoinas_tf.ImageClassifier()
    classifier.classes_ = np.arange(2) if kind == "number" else np.array(["cat", "dog"])
    monkeypatch.setattr(classifier, "predict_proba", lambda x: np.eye(2)[DIGITS[1]])
    labels = given.get(kind, DIGITS[1])
    assert classifier.evaluate(DIGITS[0], labels) == 1.0
    other = names if kind == "number" else DIGITS[1]
    with pytest.raises(ConfigurationError, match="y must hold labels like those of fit"):
        classifier.evaluate(DIGITS[0], other)


@pytest.mark.parametrize("epochs", [{"epochs": 3}, {"search_epochs": 9}])
def test_hours_leave_no_epochs_to_give(epochs):
    with pytest.raises(ConfigurationError, match=r"leave out hours, or search_epochs and epochs. Received: hours=2"):
        eoinas_tf.ImageClassifier(hours=2, **epochs)
