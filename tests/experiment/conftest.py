"""A tiny image classifier that the tests of exports share, and its expected outputs."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data.image_resizing import fit_images
from eoinas_tf.experiment.export_measurement import ExportTest
from eoinas_tf.experiment.exported_classifier import ExportedClassifier

MEAN, DEVIATION = np.array([120.0, 110.0, 100.0]), np.array([60.0, 61.0, 62.0])


class TinyClassifier:
    """A convolution and a dense layer for images of 8x6x3 and three classes."""

    image_shape = (8, 6, 3)
    class_names = ("cat", "dog", "größe")

    def __init__(self):
        keras.utils.set_random_seed(0)
        self.network = keras.Sequential(
            [keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
        )
        self.network.build((None, *self.image_shape))
        self.classifier = ExportedClassifier(
            self.network,
            self.image_shape,
            self.class_names,
            mean=MEAN,
            standard_deviation=DEVIATION,
            fit_images=lambda images: fit_images(images, self.image_shape[:2]),
            calibration_images=self.make_images(8, 6, count=40),
        )
        self.images = self.make_images(8, 6)
        self.probabilities = self.expected(self.images)
        self.test = ExportTest(self.images, self.probabilities.argmax(-1), 1.0)

    def make_images(self, height, width, count=5):
        # Each image has a different brightness, so that the classes differ.
        noise = np.random.default_rng(0).integers(0, 100, (count, height, width, 3))
        return (noise + np.linspace(0, 155, count).reshape(-1, 1, 1, 1)).astype(np.uint8)

    def expected(self, pixels):
        """Returns the probabilities for pixels of the network's size, step by step."""
        normalized = (np.asarray(pixels, np.float32) - MEAN) / DEVIATION
        return tf.nn.softmax(self.network(normalized.astype(np.float32))).numpy()

    def expected_of_other_size(self, images):
        """Resizes as the data sets do, rounds to whole grey values, and classifies."""
        resized = tf.image.resize(images.astype(np.float32), self.image_shape[:2], antialias=True)
        return self.expected(np.round(resized))


@pytest.fixture(scope="session")
def tiny():
    return TinyClassifier()


@pytest.fixture
def disk_calls(monkeypatch):
    """Records syncs and renames during a test, in order: ("sync", name) and ("rename", name, new name)."""
    calls = []
    sync, rename, replace = os.fsync, Path.rename, os.replace

    def recorded_sync(descriptor):
        calls.append(("sync", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
        sync(descriptor)

    def recorded_rename(path, target):
        calls.append(("rename", path.name, Path(target).name))
        return rename(path, target)

    def recorded_replace(path, target):
        calls.append(("rename", Path(path).name, Path(target).name))
        replace(path, target)

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(Path, "rename", recorded_rename)
    monkeypatch.setattr(os, "replace", recorded_replace)
    return calls
