import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.methods.gdas import Gdas
from eoinas_tf.search.search_method import Evidence, SearchProblem
from eoinas_tf.space.operation_names import OPERATION_NAMES

SCHEDULE = {"temperature": tf.constant(2.0)}


@pytest.fixture
def method():
    config = SearchConfig(method="gdas", epochs=4, temperature_start=8.0, temperature_end=1.0)
    return Gdas(SearchProblem(config, OPERATION_NAMES, steps_per_epoch=5))


def step(number):
    return tf.constant(number, tf.int64)


def test_both_kinds_of_steps_draw_samples_of_their_own(method):
    weight, architecture = method.weight_choice(step(3), SCHEDULE), method.architecture_choice(step(3), SCHEDULE)
    assert weight.gates is None
    np.testing.assert_allclose(architecture.gates, 1.0, atol=1e-6)
    assert np.any(weight.operation_index != architecture.operation_index)
    again = method.weight_choice(step(3), SCHEDULE)
    np.testing.assert_array_equal(weight.operation_index, again.operation_index)
    assert np.any(weight.operation_index != method.weight_choice(step(4), SCHEDULE).operation_index)


def test_the_temperature_falls_exponentially(method):
    assert [method.schedule(epoch)["temperature"] for epoch in (1, 2, 3, 4)] == pytest.approx([8, 4, 2, 1])


def test_what_is_dropped_is_not_sampled(method):
    dropped = np.ones((2, 14, 8), bool)
    dropped[..., 4] = False
    method.drop(dropped)
    assert set(method.weight_choice(step(0), SCHEDULE).operation_index.numpy().ravel()) == {4}


def test_nothing_is_dropped(method):
    evidence = method.evidence()
    assert isinstance(evidence, Evidence)
    assert not any(method.drops(epoch, evidence).any() for epoch in range(1, 161))
