"""A tiny search that the tests in this folder share: building and tracing one takes longer than using it."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.operation_pruning import lowest_operations
from eoinas_tf.search.search_method import SearchProblem, load_method
from eoinas_tf.search.search_session import SearchEpoch
from eoinas_tf.search.search_step import SearchStep, build_search_state
from eoinas_tf.space.operation_names import OPERATION_NAMES


class TinySearch:
    """3 cells of 2 channels on 8x8 grey images of 3 classes, and a copy of its first state."""

    def __init__(self):
        self.config = SearchConfig(
            run_dir="unused", init_channels=2, cells=3, batch_size=4, epochs=4, architecture_learning_rate=0.01,
            warmup_epochs=20, pruning_after_epoch=20, pruning_every_epochs=20,
        )  # fmt: skip
        self.state = self.new_state(seed=0)
        self.method = self.state.method
        self.network = self.state.network
        self.step = SearchStep(self.state)
        generator = np.random.default_rng(0)
        self.images = tf.constant(generator.normal(size=(4, 8, 8, 1)).astype(np.float32))
        self.labels = tf.constant([0, 1, 2, 0])
        self._first = self.values()

    def new_state(self, seed):
        keras.utils.set_random_seed(seed)
        method_class = load_method(self.config.method)
        method = method_class(SearchProblem(self.config, OPERATION_NAMES, steps_per_epoch=5))
        return build_search_state(method, method_class.stages(self.config)[0], (8, 8, 1), num_classes=3)

    def values(self):
        """Returns everything the search changes as numpy arrays, by owner."""
        return {
            name: [tf.convert_to_tensor(variable).numpy() for variable in variables]
            for name, variables in self.state.variables().items()
        }

    def reset(self):
        for name, variables in self.state.variables().items():
            for variable, value in zip(variables, self._first[name], strict=True):
                variable.assign(value)

    def update_weights(self, number=0, temperature=5.0):
        schedule = {"temperature": tf.constant(temperature)}
        self.step.update_weights((self.images, self.labels), tf.constant(number, tf.int64), schedule)

    def update_architecture(self, number=0, temperature=5.0):
        schedule, batch = {"temperature": tf.constant(temperature)}, (self.images, self.labels)
        self.step.update_architecture(batch, batch, tf.constant(number, tf.int64), schedule)

    def epoch(self, number, batches, first_step=0, temperature=5.0):
        """Returns an epoch over batches; the warm-up ends after the paper's 20."""
        return SearchEpoch(number, 160, batches, first_step, {"temperature": temperature}, searches=number > 20)

    def drop(self):
        """Drops the least important operations whatever the epoch; returns the evidence and the dropped operations."""
        evidence = self.method.evidence()
        dropped = lowest_operations(evidence.scores, evidence.living_operations)
        self.method.drop(dropped)
        return evidence, dropped


@pytest.fixture(autouse=True)
def seeds():
    """Seeds only Python and NumPy: seeding TensorFlow makes it prepare every traced function again, 10 s for a search.

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
