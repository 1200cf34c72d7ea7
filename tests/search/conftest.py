"""A tiny search that the tests of this folder share: building and tracing one takes longer than all they do with it."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.search_step import SearchStep, build_search_state


class TinySearch:
    """3 cells of 2 channels on 8x8 grey images of 3 classes, and a copy of its first state."""

    def __init__(self):
        keras.utils.set_random_seed(0)
        self.config = SearchConfig(
            run_dir="unused", init_channels=2, cells=3, batch_size=4, epochs=4, architecture_learning_rate=0.01,
            warmup_epochs=20, pruning_after_epoch=20, pruning_every_epochs=20,
        )  # fmt: skip
        self.state = build_search_state(self.config, (8, 8, 1), num_classes=3, steps_per_epoch=5)
        self.step = SearchStep(self.state, self.config)
        generator = np.random.default_rng(0)
        self.images = tf.constant(generator.normal(size=(4, 8, 8, 1)).astype(np.float32))
        self.labels = tf.constant([0, 1, 2, 0])
        self._first = self.values()

    def values(self):
        """Returns everything the search changes as numpy arrays, by what it belongs to."""
        return {
            name: [tf.convert_to_tensor(variable).numpy() for variable in variables]
            for name, variables in self.state.variables().items()
        }

    def reset(self):
        for name, variables in self.state.variables().items():
            for variable, value in zip(variables, self._first[name], strict=True):
                variable.assign(value)

    def update_weights(self, number=0, temperature=5.0):
        self.step.update_weights(self.images, self.labels, tf.constant(number, tf.int64), tf.constant(temperature))

    def update_architecture(self, number=0, temperature=5.0):
        self.step.update_architecture(self.images, self.labels, tf.constant(number, tf.int64), tf.constant(temperature))


@pytest.fixture(autouse=True)
def seeds():
    """Seeds Python and NumPy only: seeding TensorFlow makes it prepare every traced function anew, 10 s for a search.

    A search is seeded when it is built.
    """
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture(scope="session")
def shared_tiny_search():
    return TinySearch()


@pytest.fixture
def search(shared_tiny_search):
    shared_tiny_search.reset()
    return shared_tiny_search
