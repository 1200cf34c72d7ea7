import contextlib

import pytest
import tensorflow as tf

from eoinas_tf.search import graph_rewriting
from eoinas_tf.search.graph_rewriting import (
    called_functions_as_traced,
    rewrite_where_it_pays,
    rewriting_where_it_pays,
)


@pytest.fixture(autouse=True)
def as_before():
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


def is_rewriting():
    return not tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"]


def calls(graph):
    """Returns whether each call of a function in the graph will have it rewritten, by the function's name."""
    found = {}
    for operation in graph.get_operations():
        if "PartitionedCall" in operation.type:
            config = tf.compat.v1.ConfigProto.FromString(operation.get_attr("config_proto"))
            found[operation.get_attr("f").name] = not config.graph_options.rewrite_options.disable_meta_optimizer
    return found


@tf.function(autograph=False)
def inner(number):
    return number * 2.0


def traced(function):
    return tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec([])).graph


def test_functions_called_inside_are_left_as_traced_and_others_are_not():
    @called_functions_as_traced()
    def outer(number):
        return inner(number)

    assert list(calls(traced(outer)).values()) == [False]
    assert list(calls(traced(lambda number: inner(number))).values()) == [True]
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
    monkeypatch.setattr(graph_rewriting, "has_gpu", lambda: True)
    with called_functions_as_traced():
        assert is_rewriting()
    rewrite_where_it_pays((8, 8, 1), init_channels=4, batch_size=32)
    assert is_rewriting()


def test_steps_on_small_images_are_left_as_traced_and_on_larger_ones_are_not():
    rewrite_where_it_pays((8, 8, 1), init_channels=4, batch_size=32)
    assert not is_rewriting()
    rewrite_where_it_pays((32, 32, 3), init_channels=16, batch_size=64)
    assert is_rewriting()


def test_what_was_on_before_is_on_again():
    with contextlib.suppress(ValueError), rewriting_where_it_pays((8, 8, 1), init_channels=4, batch_size=32):
        assert not is_rewriting()
        raise ValueError("any")
    assert is_rewriting()


@pytest.mark.parametrize("step", ["update_weights", "update_architecture"])
def test_in_a_search_no_edge_s_function_is_rewritten_forward_or_backward(search, step):
    batch, schedule = (search.images, search.labels), {"temperature": tf.constant(5.0)}
    batches = {"update_weights": [batch], "update_architecture": [batch, batch]}[step]
    graph = getattr(search.step, step).get_concrete_function(*batches, tf.constant(0, tf.int64), schedule).graph
    found = calls(graph)
    assert any("backward" in name for name in found)
    assert any("forward" in name for name in found)
    assert not any(found.values())
