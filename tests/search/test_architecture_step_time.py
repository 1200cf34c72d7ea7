import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.search import architecture_step_time
from eoinas_tf.search.architecture_step_time import architecture_step_seconds


def assert_same_bytes(before, after):
    assert before.keys() == after.keys()
    for name, arrays in before.items():
        for old, new in zip(arrays, after[name], strict=True):
            assert old.tobytes() == new.tobytes(), name


@pytest.fixture
def epoch(search):
    images = tf.data.Dataset.from_tensors((search.images, search.labels)).repeat(2)
    return search.epoch(1, tf.data.Dataset.zip((images, images)))


def test_three_steps_are_run_and_leave_no_trace(search, epoch, monkeypatch):
    search.update_weights()
    before, ran = search.values(), []
    update = search.step.update_architecture

    def counted(*arguments):
        ran.append(update(*arguments))

    monkeypatch.setattr(search.step, "update_architecture", counted)
    assert architecture_step_seconds(search.step, epoch, epoch.schedule) > 0
    assert len(ran) == 3
    assert_same_bytes(before, search.values())


def test_a_step_that_fails_leaves_no_trace(search, epoch, monkeypatch):
    before = search.values()
    update = search.step.update_architecture

    def out_of_memory(*arguments):
        update(*arguments)
        raise MemoryError

    monkeypatch.setattr(search.step, "update_architecture", out_of_memory)
    with pytest.raises(MemoryError):
        architecture_step_seconds(search.step, epoch, epoch.schedule)
    assert_same_bytes(before, search.values())


def test_the_mean_is_of_the_steps_after_the_traced_one(search, epoch, monkeypatch):
    clock = iter([10.0, 13.0])
    monkeypatch.setattr(architecture_step_time.time, "monotonic", clock.__next__)
    monkeypatch.setattr(search.step, "update_architecture", lambda *arguments: None)
    assert architecture_step_seconds(search.step, epoch, epoch.schedule) == 1.5


def test_a_step_after_it_is_the_step_without_it(search, epoch):
    search.update_architecture(number=3)
    expected = search.values()
    search.reset()
    architecture_step_seconds(search.step, epoch, epoch.schedule)
    search.update_architecture(number=3)
    assert_same_bytes(expected, search.values())
    assert np.any(search.method.operation_logits)
