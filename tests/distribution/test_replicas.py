import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.distribution.replicas import STRATEGIES, Replicas
from eoinas_tf.distribution.worker import Worker
from eoinas_tf.errors import ConfigurationError

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))

from two_replicas import MODERN, searched, trained  # noqa: E402


@pytest.fixture(scope="module")
def two():
    """The results of two replicas on two logical CPUs."""
    run = subprocess.run(
        [sys.executable, str(FOLDER / "two_replicas.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(FOLDER.parent.parent), os.environ.get("PYTHONPATH", "")]),
        },
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout)


def alone(make, **settings):
    """Returns the results of a single replica, run eagerly: tracing takes longer than these few steps."""
    tf.config.run_functions_eagerly(True)
    try:
        return make(Replicas(), **settings)
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def one():
    """The results of a single replica with the same batches."""
    return alone(trained)


def assert_close(found, expected, tolerance):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_each_replica_gets_its_share_of_every_batch(two):
    assert two["count"] == 2
    assert two["shares"] == [[[0, 1, 2, 3], [4, 5, 6, 7]], [[8, 9, 10, 11], [12, 13, 14, 15]]]


def test_moving_statistics_differ_until_the_replicas_agree_on_their_mean(two):
    before, after = two["statistics"]
    assert before == [1.0, 4.0]
    assert after == [2.5, 2.5]


def test_replicas_draw_different_numbers(two):
    first, second = two["seeds"]
    assert first != second
    assert Replicas().own_seed("as it is") == "as it is"


def test_two_replicas_train_as_one_does_on_the_whole_batch(two, one):
    """With identical shares, so that normalization's statistics of a share are those of the batch."""
    assert two["trained"]["loss"] == pytest.approx(one["loss"], rel=1e-4)
    assert two["trained"]["accuracy"] == one["accuracy"]
    assert two["trained"]["steps"] == one["steps"] == 3
    assert_close(two["trained"]["weights"], one["weights"], 1e-4)
    assert_close(two["trained"]["statistics"], one["statistics"], 1e-4)


def test_two_replicas_decay_and_average_as_one_does(two):
    one = alone(trained, **MODERN)
    assert_close(two["modern"]["weights"], one["weights"], 1e-3)
    assert_close(two["modern"]["averages"], one["averages"], 1e-3)
    plain = alone(trained, **{**MODERN, "weight_decay": 0.0})
    with pytest.raises(AssertionError):
        assert_close(two["modern"]["weights"], plain["weights"], 1e-3)


def test_replicas_of_different_images_agree_on_the_averages_too(two):
    """Each replica mixes the images of its own share."""
    assert two["mixed"]["averages_agree"]
    assert np.isfinite(two["mixed"]["loss"])


def test_the_update_of_two_replicas_is_not_that_of_one_share_alone_or_of_the_sum(two):
    """The comparison above must be able to fail: a larger gradient gives other weights."""
    weights = alone(trained, learning_rate=0.02)["weights"]
    with pytest.raises(AssertionError):
        assert_close(two["trained"]["weights"], weights, 1e-4)


def test_float16_trains_with_a_loss_scale(one):
    """A first step may overflow: it changes nothing and lowers the scale."""
    found = alone(trained, mixed_precision="float16")
    assert 1 <= found["steps"] <= 3
    assert found["loss"] == pytest.approx(one["loss"], rel=0.3)
    assert all(np.isfinite(weight).all() for weight in found["weights"])
    assert any(np.ptp(weight) > 0 for weight in found["weights"])


def test_two_replicas_search_as_one_does(two):
    one = alone(searched)
    assert two["searched"]["weight_steps"] == one["weight_steps"]
    assert two["searched"]["accuracy_sums"] == pytest.approx(one["accuracy_sums"])
    assert two["searched"]["loss"] == pytest.approx(one["loss"], rel=1e-4)
    assert two["searched"]["architecture_loss"] == pytest.approx(one["architecture_loss"], rel=1e-4)
    assert_close(two["searched"]["weights"], one["weights"], 2e-3)


def test_pieces_of_a_batch_are_accumulated_to_its_gradient(one):
    """With identical pieces, for the same reason."""
    accumulated = alone(trained, accumulation_steps=2)
    assert accumulated["steps"] == 3
    assert accumulated["loss"] == pytest.approx(one["loss"], rel=1e-4)
    assert accumulated["accuracy"] == one["accuracy"]
    assert_close(accumulated["weights"], one["weights"], 1e-4)


def test_dropped_paths_differ_between_pieces():
    alike = alone(trained, accumulation_steps=2, drop_path=0.9)
    other = alone(trained, drop_path=0.9)
    assert alike["loss"] != pytest.approx(other["loss"], rel=1e-4)


def test_workers_that_agree_go_on(two):
    assert two["agreement"] is None


def test_a_batch_that_cannot_be_divided_is_an_error(two):
    assert two["odd_batch"].startswith("--batch_size must be a multiple of 2 to be divided into 2 replicas. Received")
    with pytest.raises(ConfigurationError, match=r"multiple of 3 to be divided into 3 pieces\. Received: 128"):
        Replicas.of(EvaluationConfig(), pieces=3)


def test_too_few_images_a_piece_to_normalize_by_are_an_error():
    config = EvaluationConfig(batch_size=8)
    assert Replicas.of(config, pieces=4, fewest_images=2).count == 1
    with pytest.raises(ConfigurationError, match="--batch_size must be at least 16 to be divided into 8 pieces"):
        Replicas.of(config, pieces=8, fewest_images=2)


def test_another_number_of_logical_cpus_comes_too_late(two):
    assert two["too_late"].startswith("--logical_cpus=3 comes too late: TensorFlow is running with 2 logical CPUs")


def test_one_replica_gets_the_batches_as_they_are():
    batches = tf.data.Dataset.range(4)
    assert Replicas().share_out(batches) is batches
    assert Replicas().average_gradients([1, 2]) == [1, 2]
    assert float(Replicas().mean(tf.constant(3.0))) == float(Replicas().sum(tf.constant(3.0))) == 3.0


def test_each_worker_loads_its_rows_of_a_batch():
    assert Replicas().worker_rows(8) is None
    replicas = [Replicas(worker=Worker(index, 4)) for index in range(4)]
    assert [worker.worker_rows(8) for worker in replicas] == [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8)]


def test_batches_wait_on_the_gpu_where_there_is_one(monkeypatch):
    """There is no GPU here, so the CPU takes its place."""
    batches = tf.data.Dataset.range(3)
    assert Replicas().share_out(batches) is batches
    (processor,) = tf.config.list_logical_devices("CPU")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [processor] if kind == "GPU" else [])
    moved = Replicas().share_out(batches)
    assert moved is not batches
    assert [(int(batch), batch.device.endswith(processor.name)) for batch in moved] == [(0, True), (1, True), (2, True)]


def test_there_is_a_strategy_for_every_choice_of_the_flag():
    (field,) = [field for field in EvaluationConfig.__dataclass_fields__.values() if field.name == "strategy"]
    assert set(field.metadata["choices"]) == set(STRATEGIES)


def test_one_worker_answers_itself_and_several_ask_each_other_every_tenth_step():
    assert [Replicas().is_any(own, 3) for own in (True, False)] == [True, False]
    worker = Replicas(worker=Worker(index=0, count=2))
    assert [worker.is_any(True, done) for done in (9, 10, 11, 20)] == [False, True, False, True]
    assert [worker.is_any(True, done) for done in (26, 33, 33, 39, 41)] == [False, True, False, False, True]
    assert not worker.is_any(False, 50)
    # At the end of an epoch they ask in any case.
    assert [worker.is_any(True, 52, at_once) for at_once in (False, True)] == [False, True]
