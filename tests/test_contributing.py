"""The worked examples in CONTRIBUTING.md, run as they are."""

import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import eoinas_tf
from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.data.image_datasets import LOCAL_SOURCES, load_image_dataset
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.model_cost import count_multiply_adds
from eoinas_tf.learning_rate_shapes import LEARNING_RATE_SHAPES
from eoinas_tf.optimization.learning_rate_schedule import LearningRateSchedule
from eoinas_tf.search.search_loop import run_search
from eoinas_tf.search.search_method import SearchProblem
from eoinas_tf.space import operation_names
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operations import OPERATIONS

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: ([a-z ]+) -->\n```python\n(.*?)```\n", TEXT, re.DOTALL))


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Returns a function that imports an example as a separate module."""

    def imported(name):
        module = f"example_{name.replace(' ', '_')}"
        (tmp_path / f"{module}.py").write_text(EXAMPLES[name], encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        return importlib.import_module(module)

    return imported


def test_all_examples_are_run_here():
    assert set(EXAMPLES) == {"method", "operation", "schedule", "data source"}


def test_a_method(example):
    config = SearchConfig(epochs=8, method="gdas_pruning")
    method = example("method").RandomPruning(SearchProblem(config, operation_names.OPERATION_NAMES, steps_per_epoch=5))
    for epoch in range(1, 9):
        evidence = method.evidence()
        method.drop(method.drops(epoch, evidence))
        living = np.asarray(method.living_operations)
        assert (living.sum(axis=-1) == 8 - max(0, epoch - 1)).all()
        chosen = method.weight_choice(tf.constant(epoch, tf.int64), {}).operation_index.numpy()
        assert np.take_along_axis(living, chosen[..., np.newaxis], axis=-1).all()


@pytest.fixture
def registered(example, monkeypatch):
    """The example's operation, registered until the end of the test."""
    monkeypatch.setattr(operation_names, "_REGISTERED", [])
    before = dict(OPERATIONS)
    module = example("operation")
    if "full_conv_3x3" not in OPERATIONS:
        importlib.reload(module)  # An earlier test imported it.
    yield module
    OPERATIONS.clear()
    OPERATIONS.update(before)


def test_an_operation_is_searched_with_and_found_and_trained(registered, tmp_path):
    tf.config.run_functions_eagerly(True)
    try:
        config = SearchConfig(
            run_dir=str(tmp_path / "run"), dataset="digits", cells=3, init_channels=2, batch_size=330, epochs=2,
            warmup_epochs=0, pruning_after_epoch=0, pruning_every_epochs=1, tensorboard=False,
            operation_modules=("example_operation",), operations=("skip_connect", "full_conv_3x3"),
        )  # fmt: skip
        run_search(config)
    finally:
        tf.config.run_functions_eagerly(False)
    genotype = Genotype.read(tmp_path / "run" / "genotype.json")
    names = {operation for operation, _ in (*genotype.normal, *genotype.reduce)}
    assert names <= {"skip_connect", "full_conv_3x3"}
    final = json.loads((tmp_path / "run" / "final_evidence.json").read_text())
    assert final["operations"] == ["skip_connect", "full_conv_3x3"]
    cells = (("full_conv_3x3", 0), ("full_conv_3x3", 1)), (2,)
    evaluation = EvaluationConfig(cells=3, init_channels=2, auxiliary_weight=0.0)
    network = build_network(evaluation, Genotype(*cells, *cells), (8, 8, 1), 10)
    assert network(tf.zeros([2, 8, 8, 1]), training=False).shape == (2, 10)
    with_skips = build_network(
        evaluation, Genotype((("skip_connect", 0), ("skip_connect", 1)), (2,), *cells), (8, 8, 1), 10
    )
    # Two full convolutions from 2 to 2 channels on 8x8 pixels in the only normal cell.
    difference = count_multiply_adds(network, (8, 8, 1)) - count_multiply_adds(with_skips, (8, 8, 1))
    assert difference == 2 * 8 * 8 * 9 * 2 * 2


def test_an_operation_s_initial_weights_are_its_own_layers(registered):
    from eoinas_tf.supernet.candidate_operations import CandidateOperations

    candidates = CandidateOperations(4, 1, ("none", "full_conv_3x3"))
    draws = [candidates.operation_weights(candidates.initial_weights(), 1)[0].numpy() for _ in range(40)]
    values = np.concatenate([draw.ravel() for draw in draws])
    # Glorot's uniform draw of a 3x3 convolution from 4 to 4 channels, Keras's default.
    limit = np.sqrt(6 / (9 * 4 + 9 * 4))
    assert 0.97 * limit < np.abs(values).max() <= limit
    assert len(np.unique(values)) > 0.9 * values.size


def test_a_name_that_is_taken_or_none_is_refused():
    for name, message in (("sep_conv_3x3", "known already"), ("Conv 3", "lower-case letters")):
        with pytest.raises(ValueError, match=message):
            eoinas_tf.register_operation(name, lambda **arguments: None)


def test_a_schedule(example, monkeypatch):
    monkeypatch.setitem(LEARNING_RATE_SHAPES, "quadratic", example("schedule").quadratic)
    schedule = LearningRateSchedule("quadratic", 0.1, 0.0, total_steps=10)
    assert float(schedule(tf.constant(5))) == pytest.approx(0.025)


def test_a_source_of_images(example, monkeypatch, tmp_path):
    monkeypatch.setitem(LOCAL_SOURCES, "npz", example("data source").load_npz_images)
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), np.uint8)
    labels = np.array([0, 1, 2, 0, 1, 2])
    path = tmp_path / "images.npz"
    np.savez(path, images=images, labels=labels, test_images=images[:3], test_labels=labels[:3])
    dataset = load_image_dataset(f"npz:{path}")
    assert (len(dataset.train), len(dataset.test), dataset.num_classes) == (6, 3, 3)
    np.testing.assert_array_equal(dataset.train.load_batch(tf.constant([4])), images[4:5])
