"""Switches Grappler, TensorFlow's graph optimizer, on and off for the duration of a block.

Grappler rewrites a graph and, separately, each function that the graph calls, which takes a second or more for each of
a search's two steps. `kernel_policy.py` decides where it gains more than it costs.
"""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from eoinas_tf.kernels import kernel_policy


@contextlib.contextmanager
def called_functions_as_traced() -> Iterator[None]:
    """Inside, or in the function it decorates, calls that are added to a graph are excluded from rewriting."""
    with _rewriting(_is_rewriting() and kernel_policy.rewrite_called_functions()):
        yield


@contextlib.contextmanager
def rewriting_where_it_pays(image_shape: tuple[int, int, int], init_channels: int, batch_size: int) -> Iterator[None]:
    """Inside, graphs that run for the first time are rewritten only if that makes a search's steps faster.

    Args:
        image_shape: (height, width, channels) of an image.
        init_channels: C, the channels of the first cell.
        batch_size: Images in a batch.
    """
    with _rewriting(kernel_policy.rewrite_graphs(image_shape, init_channels, batch_size)):
        yield


@contextlib.contextmanager
def _rewriting(is_on: bool) -> Iterator[None]:
    before = _is_rewriting()
    _set_rewriting(is_on)
    try:
        yield
    finally:
        _set_rewriting(before)


def _is_rewriting() -> bool:
    return not tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"]


def _set_rewriting(is_on: bool) -> None:
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not is_on})
