"""The whole way from arrays to an export, and that the process is afterwards as it was before."""

import random
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import flags

import eoinas_tf
from eoinas_tf.api.run_folders import SearchRun, TrainingRun
from eoinas_tf.errors import ConfigurationError, RunDirectoryError, StorageError

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
    """What of the process a run could leave changed."""
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

    # Fine-tuned on images of another size, with the other class names, from the run and from its file.
    few = np.repeat(x, 2, axis=1)[::3], np.array(["night", "day"])[y[::3]]
    tuned = eoinas_tf.ImageClassifier(
        epochs=1, run_dir=tmp_path / "tuned", initial_weights=trained, train_settings={**TUNING, "batch_size": 4}
    ).fit(*few)
    assert tuned.found is None
    assert tuned.trained.genotype == found.genotype
    assert tuned.trained.summary["initial_weights"] == str(trained.run_dir)
    assert set(tuned.predict(few[0])) <= {"night", "day"}
    assert tuned.predict_proba(few[0]).shape == (14, 2)
    with pytest.raises(ConfigurationError, match="search_settings have no use with initial_weights"):
        eoinas_tf.ImageClassifier(initial_weights=trained, search_settings=SEARCH).fit(*few)

    # What a user calls; the package itself loads no model.
    again = keras.models.load_model(classifier.export(tmp_path / "out" / "m.keras"))
    np.testing.assert_array_equal(again.predict(x, batch_size=128, verbose=0), probabilities)
    assert (classifier.export(tmp_path / "out" / "saved") / "saved_model.pb").exists()
    with pytest.raises(StorageError, match="exists and is not replaced"):
        classifier.export(tmp_path / "out" / "saved")

    # Keras itself draws from Python's generator where it loads a model.
    before = process_state()
    # The same call is finished at once; other images are another run.
    assert eoinas_tf.search((x, names), run_dir=found.run_dir, epochs=1, **SEARCH).genotype == found.genotype
    with pytest.raises(RunDirectoryError, match="other images"):
        eoinas_tf.search((255 - x, names), run_dir=found.run_dir, epochs=1, **SEARCH)
    assert process_state() == before
