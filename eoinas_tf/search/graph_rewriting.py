"""Where TensorFlow rewrites the search's graphs before it first runs them: where that gains more than it costs.

TensorFlow's graph optimizer (Grappler) takes a graph and, once more, each function that it calls, and needs
a second or several for each of a search's two steps. On a processor the functions that all edges call are no
faster for it, and with small images the steps around them are not either; `benchmarks/README.md` has the
figures. With a GPU it also chooses how images lie in memory, and is left alone.
"""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from eoinas_tf.space.processor_kernels import FEWEST_NUMBERS, has_gpu


@contextlib.contextmanager
def called_functions_as_traced() -> Iterator[None]:
    """Inside, or in what it decorates, calls of functions that are put into a graph are left out of rewriting."""
    before = _is_rewriting()
    _rewrite(before and has_gpu())
    try:
        yield
    finally:
        _rewrite(before)


def rewrite_where_it_pays(image_shape: tuple[int, int, int], init_channels: int, batch_size: int) -> None:
    """Says for the whole process whether graphs are rewritten when they first run.

    Args:
        image_shape: (height, width, channels) of an image.
        init_channels: C, the channels of the first cell.
        batch_size: Images in a batch.
    """
    height, width, _ = image_shape
    _rewrite(has_gpu() or batch_size * height * width * init_channels >= FEWEST_NUMBERS)


@contextlib.contextmanager
def rewriting_where_it_pays(image_shape: tuple[int, int, int], init_channels: int, batch_size: int) -> Iterator[None]:
    """Does what `rewrite_where_it_pays` does, for as long as its block lasts.

    Args:
        image_shape: (height, width, channels) of an image.
        init_channels: C, the channels of the first cell.
        batch_size: Images in a batch.
    """
    before = _is_rewriting()
    rewrite_where_it_pays(image_shape, init_channels, batch_size)
    try:
        yield
    finally:
        _rewrite(before)


def _is_rewriting() -> bool:
    return not tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"]


def _rewrite(rewriting: bool) -> None:
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not rewriting})
