"""Every private TensorFlow name that this package uses, each with a replacement in case a release moves it.

A replacement gives the same values more slowly. If a name has moved, the tests say which in one sentence.
"""

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from eoinas_tf.onednn import ONEDNN_VARIABLE

try:
    # No public function tells whether oneDNN is on.
    from tensorflow.python.util._pywrap_util_port import IsMklEnabled
except ImportError:
    IsMklEnabled = None
try:
    # No public function leaves branches uninlined. tf.switch_case calls this one.
    from tensorflow.python.ops.cond_v2 import indexed_case
except ImportError:
    indexed_case = None

# An attribute of a traced function that Grappler honours.
NO_INLINING = "_noinline"


def is_onednn_enabled() -> bool:
    """Returns whether TensorFlow replaces operations with oneDNN's.

    Without the private name, the environment variable decides; if it is not set, the answer is no.
    """
    if IsMklEnabled is None:
        return os.environ.get(ONEDNN_VARIABLE) == "1"
    return bool(IsMklEnabled())


def conversion_errors() -> tuple[type[Exception], ...]:
    """Returns the errors by which TensorFlow Lite's converter says that it cannot convert a graph.

    Without the private name there are none, and such an error keeps its traceback.
    """
    try:
        # No public name. Imported here, for most runs convert nothing.
        from tensorflow.lite.python.convert_phase import ConverterError
    except ImportError:
        return ()
    return (ConverterError,)


def uninlined_case(index: tf.Tensor, branches: Sequence[Callable[[], tf.Tensor]]) -> tf.Tensor:
    """Runs the branch at an index as a function of its own; without the private name, inlined into the graph.

    Args:
        index: Index of the branch, int32 scalar.
        branches: Functions without arguments that return tensors of one type and shape.

    Returns:
        The branch's result.
    """
    if indexed_case is None:
        return tf.switch_case(index, branches)
    return indexed_case(index, branches, lower_using_switch_merge=False)


def uninlined_function(function: Callable[..., Any]) -> Any:
    """Returns a traced function that Grappler does not copy into each place that calls it.

    Where TensorFlow no longer knows the attribute, the function is an ordinary traced one.

    Args:
        function: The function to trace.
    """
    traced = functools.partial(tf.function, function, autograph=False)
    try:
        return traced(experimental_attributes={NO_INLINING: True})
    except (TypeError, ValueError):
        return traced()
