"""Setup for every test: the same random numbers each time, and a quiet TensorFlow."""

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from eoinas_tf.onednn import turn_on_onednn

# Before tests import TensorFlow, like the commands.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
turn_on_onednn()


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="run the tests marked slow too")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; run with --run-slow")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow; run with --run-slow"))


@pytest.fixture(autouse=True)
def seeds():
    """Seeds Python, NumPy and Keras with TensorFlow; the last two only if the test module imports Keras."""
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.utils.set_random_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture
def generator():
    """A NumPy random generator with the same state at the start of each test."""
    return np.random.default_rng(0)


@pytest.fixture
def exports_are_checked_in_this_process(monkeypatch):
    """Checks exports in this process: the tests of exports cover the other one, and starting TensorFlow takes long."""
    # Imported here, so that collecting tests does not load TensorFlow.
    from eoinas_tf.experiment import export_check
    from eoinas_tf.experiment.exported_predictions import export_outputs

    monkeypatch.setattr(export_check, "run_export", export_outputs)


@pytest.fixture
def untraced():
    """Runs TensorFlow's functions eagerly: tracing a network takes longer than the few steps that are done with it."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def nothing_is_exported(monkeypatch):
    """Leaves out the exports of trained networks, for tests of everything else that a training run ends with."""
    from eoinas_tf.evaluation import network_outcome
    from eoinas_tf.evaluation.network_exports import NetworkExports

    monkeypatch.setattr(network_outcome, "export_network", lambda *arguments: NetworkExports({}, {}, ()))


@pytest.fixture
def pictures_are_not_drawn(monkeypatch):
    """Writes empty pictures: drawing takes a sixth of the time of a small run, and tests of pictures draw them."""
    from empty_pictures import empty_picture

    from eoinas_tf.experiment import figure_files

    monkeypatch.setattr(figure_files, "_saved", empty_picture)


@pytest.fixture(scope="session")
def tfds_data_dir():
    """The folder of prepared TensorFlow Datasets named by TFDS_DATA_DIR; skips if it does not contain CIFAR-10."""
    folder = os.environ.get("TFDS_DATA_DIR")
    if not folder:
        pytest.skip("TFDS_DATA_DIR is not set: no prepared TensorFlow Datasets")
    if not (Path(folder) / "cifar10").is_dir():
        pytest.skip(f"no cifar10 in TFDS_DATA_DIR={folder}")
    return folder
