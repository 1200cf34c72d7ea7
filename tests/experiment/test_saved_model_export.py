import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.saved_model_export import ImageClassifier, export_saved_model

MEAN, DEVIATION = np.array([120.0, 110.0, 100.0]), np.array([60.0, 61.0, 62.0])
NAMES = ["cat", "dog"]


def network():
    model = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    model.build((None, 8, 6, 3))
    return model


def images(height=8, width=6):
    return np.random.default_rng(0).integers(0, 256, (5, height, width, 3), dtype=np.uint8)


def softmax_of(model, pixels):
    logits = model(((pixels.astype(np.float32) - MEAN) / DEVIATION).astype(np.float32))
    return tf.nn.softmax(logits).numpy()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = network()
    folder = tmp_path_factory.mktemp("export") / "saved_model"
    difference = export_saved_model(
        ImageClassifier(model, (8, 6, 3), NAMES, MEAN, DEVIATION), folder, images(), softmax_of(model, images())
    )
    return model, folder, difference


def test_the_reloaded_model_says_the_same_with_names(exported):
    model, folder, difference = exported
    assert difference < 1e-6
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    assert list(signature.structured_input_signature[1]) == ["image"]
    outputs = signature(image=tf.constant(images()))
    expected = softmax_of(model, images())
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=1e-6)
    np.testing.assert_array_equal(outputs["label"], expected.argmax(-1))
    assert [name.decode() for name in outputs["class_name"].numpy()] == [NAMES[label] for label in expected.argmax(-1)]


def test_other_sizes_are_resized_inside(exported):
    model, folder, _ = exported
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    resized = tf.round(tf.image.resize(images(20, 30).astype(np.float32), [8, 6], antialias=True)).numpy()
    outputs = signature(image=tf.constant(images(20, 30)))
    np.testing.assert_allclose(outputs["probabilities"], softmax_of(model, resized), atol=1e-5)


def test_other_sizes_are_fitted_as_in_the_test_and_the_own_size_is_not(tmp_path):
    model = network()

    def upper_left(pixels):
        return pixels[:, :8, :6]

    classifier = ImageClassifier(model, (8, 6, 3), NAMES, MEAN, DEVIATION, upper_left)
    export_saved_model(classifier, tmp_path / "saved_model", images(), softmax_of(model, images()))
    signature = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    outputs = signature(image=tf.constant(images(20, 30)))
    np.testing.assert_allclose(outputs["probabilities"], softmax_of(model, images(20, 30)[:, :8, :6]), atol=1e-6)


def test_a_process_without_the_package_can_serve_it(exported, tmp_path):
    model, folder, _ = exported
    np.save(tmp_path / "images.npy", images())
    code = (
        "import sys, numpy, tensorflow as tf\n"
        f"model = tf.saved_model.load({str(folder)!r})\n"
        "outputs = model.signatures['serving_default'](image=tf.constant(numpy.load('images.npy')))\n"
        "assert not any(name.startswith('eoinas') for name in sys.modules)\n"
        "numpy.save('probabilities.npy', outputs['probabilities'].numpy())"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "probabilities.npy"), softmax_of(model, images()), atol=1e-6)


def test_an_export_that_differs_is_refused_and_the_older_one_stays(exported):
    model, folder, _ = exported
    before = sorted(os.listdir(folder.parent))
    content = (folder / "saved_model.pb").read_bytes()
    with pytest.raises(StorageError, match=r"differs from the network by 0\.5"):
        export_saved_model(
            ImageClassifier(model, (8, 6, 3), NAMES, MEAN, DEVIATION),
            folder,
            images(),
            softmax_of(model, images()) + 0.5,
        )
    assert sorted(os.listdir(folder.parent)) == before
    assert (folder / "saved_model.pb").read_bytes() == content


def test_an_export_is_durable_before_it_has_its_name_and_sweeps_what_a_killed_one_left(tmp_path, monkeypatch):
    model = network()
    (tmp_path / "saved_model.1.tmp").mkdir()
    (tmp_path / "saved_model.1.old.tmp").mkdir()
    synchronized, real_sync = set(), os.fsync

    def sync(descriptor):
        synchronized.add(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real_sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    classifier = ImageClassifier(model, (8, 6, 3), NAMES, MEAN, DEVIATION)
    export_saved_model(classifier, tmp_path / "saved_model", images(), softmax_of(model, images()))
    assert {"saved_model.pb", "variables.index", "variables.data-00000-of-00001", "variables"} <= synchronized
    assert os.listdir(tmp_path) == ["saved_model"]
