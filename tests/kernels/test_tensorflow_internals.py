"""Which private TensorFlow name has moved, and that its replacement gives the same values.

A failure of one of the first three tests says what to look for in the new release. Until it is found, the package runs
with the replacement.
"""

import sys

import pytest
import tensorflow as tf

from eoinas_tf.kernels import tensorflow_internals
from eoinas_tf.kernels.tensorflow_internals import (
    conversion_errors,
    is_onednn_enabled,
    uninlined_case,
    uninlined_function,
)
from eoinas_tf.onednn import ONEDNN_VARIABLE


def test_the_switch_of_onednn_has_not_moved():
    assert tensorflow_internals.IsMklEnabled is not None, (
        "TensorFlow moved `IsMklEnabled` out of tensorflow.python.util._pywrap_util_port: whether oneDNN is on is now "
        "read from the environment variable TF_ENABLE_ONEDNN_OPTS alone."
    )
    assert isinstance(tensorflow_internals.IsMklEnabled(), bool), (
        "TensorFlow's `IsMklEnabled` no longer answers yes or no: read its new result in is_onednn_enabled."
    )


def test_the_choice_of_an_uninlined_branch_has_not_moved():
    assert tensorflow_internals.indexed_case is not None, (
        "TensorFlow moved `indexed_case` out of tensorflow.python.ops.cond_v2: branches are inlined for small batches "
        "too, which is slower."
    )
    assert inlining(chosen) == {False}, (
        "TensorFlow's `indexed_case` no longer obeys lower_using_switch_merge=False: branches are inlined for small "
        "batches too, which is slower."
    )


def test_the_attribute_against_inlining_has_not_moved():
    attributes = attributes_of(uninlined_function(lambda value: value + 1.0))
    assert tensorflow_internals.NO_INLINING in attributes, (
        "TensorFlow no longer takes the attribute `_noinline` of a traced function: an edge's function is copied into "
        "each place that calls it, which makes the start of a search take minutes."
    )


def test_the_error_of_the_converter_has_not_moved():
    assert conversion_errors() != (), (
        "TensorFlow moved `ConverterError` out of tensorflow.lite.python.convert_phase: a network that cannot be "
        "converted ends in a traceback."
    )


def test_without_its_name_there_is_no_error_of_the_converter(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow.lite.python.convert_phase", None)
    assert conversion_errors() == ()


@tf.function(autograph=False)
def chosen(index):
    return uninlined_case(index, [lambda: tf.constant(3.0), lambda: tf.constant(5.0)])


def inlining(function):
    """Returns how the choices in a function's graph are marked: whether they are inlined."""
    graph = function.get_concrete_function(tf.TensorSpec([], tf.int32)).graph
    choices = [operation for operation in graph.get_operations() if operation.type == "StatelessCase"]
    return {choice.get_attr("_lower_using_switch_merge") for choice in choices}


def attributes_of(function):
    """Returns the attributes of a traced function as stored in a graph that calls it."""
    outer = tf.function(lambda: function(tf.constant(1.0)), autograph=False).get_concrete_function()
    (inner,) = outer.graph.as_graph_def().library.function
    return set(inner.attr)


@pytest.mark.parametrize(("said", "expected"), [("1", True), ("0", False), (None, False)])
def test_without_its_name_onednn_is_what_the_environment_says(monkeypatch, said, expected):
    monkeypatch.setattr(tensorflow_internals, "IsMklEnabled", None)
    monkeypatch.setenv(ONEDNN_VARIABLE, said or "")
    if said is None:
        monkeypatch.delenv(ONEDNN_VARIABLE)
    assert is_onednn_enabled() is expected


@pytest.mark.parametrize("is_there", [True, False])
def test_the_branch_is_the_chosen_one_with_and_without_the_name(monkeypatch, is_there):
    if not is_there:
        monkeypatch.setattr(tensorflow_internals, "indexed_case", None)
    run = tf.function(chosen.python_function, autograph=False)
    assert [float(run(tf.constant(index))) for index in range(2)] == [3.0, 5.0]
    assert inlining(run) == {not is_there}


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_without_the_attribute_a_function_is_an_ordinary_traced_one(monkeypatch, error):
    traced = tf.function

    def refuse(function, **arguments):
        if "experimental_attributes" in arguments:
            raise error("unknown attribute")
        return traced(function, **arguments)

    monkeypatch.setattr(tf, "function", refuse)
    function = uninlined_function(lambda value: value + 1.0)
    monkeypatch.undo()
    assert float(function(tf.constant(1.0))) == 2.0
    assert tensorflow_internals.NO_INLINING not in attributes_of(function)
