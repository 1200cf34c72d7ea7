import contextlib

import pytest
import tensorflow as tf
from graph_calls import rewritten_calls

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.kernels.graph_rewriting import called_functions_as_traced, rewriting_where_it_pays


@pytest.fixture(autouse=True)
def as_before():
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


def is_rewriting():
    return not tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"]


@tf.function(autograph=False)
def inner(number):
    return number * 2.0


def traced(function):
    return tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec([])).graph


def test_functions_called_inside_are_left_as_traced_and_others_are_not():
    @called_functions_as_traced()
    def outer(number):
        return inner(number)

    assert list(rewritten_calls(traced(outer)).values()) == [False]
    assert list(rewritten_calls(traced(lambda number: inner(number))).values()) == [True]
    assert is_rewriting()


def test_it_ends_with_an_exception_and_leaves_what_was_off_off():
    with pytest.raises(ValueError, match="any"), called_functions_as_traced():
        raise ValueError("any")
    assert is_rewriting()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    with called_functions_as_traced():
        pass
    assert not is_rewriting()


def test_with_a_gpu_nothing_changes(monkeypatch):
    monkeypatch.setattr(kernel_policy, "has_gpu", lambda: True)
    with called_functions_as_traced():
        assert is_rewriting()
    with rewriting_where_it_pays((8, 8, 1), init_channels=4, batch_size=32):
        assert is_rewriting()


def test_steps_on_small_images_are_left_as_traced_and_on_larger_ones_are_not():
    with rewriting_where_it_pays((8, 8, 1), init_channels=4, batch_size=32):
        assert not is_rewriting()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    with rewriting_where_it_pays((32, 32, 3), init_channels=16, batch_size=64):
        assert is_rewriting()
    assert not is_rewriting()


def test_what_was_on_before_is_on_again():
    with contextlib.suppress(ValueError), rewriting_where_it_pays((8, 8, 1), init_channels=4, batch_size=32):
        assert not is_rewriting()
        raise ValueError("any")
    assert is_rewriting()
