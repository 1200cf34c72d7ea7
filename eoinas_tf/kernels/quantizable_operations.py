"""Whether a graph is built from operations that can be converted to integers, with the same values.

TensorFlow Lite computes AddN in floating point only, gives a tensor padded with the smallest float one scale for that
value and all others, and rounds factors of different sizes to one scale.
"""

import contextlib
import contextvars
from collections.abc import Iterator

_IS_QUANTIZABLE = contextvars.ContextVar("is_quantizable", default=False)


@contextlib.contextmanager
def quantizable_operations(is_on: bool = True) -> Iterator[None]:
    """Builds the sums and poolings in its block from operations that have integer counterparts.

    Args:
        is_on: Whether it does.
    """
    token = _IS_QUANTIZABLE.set(is_on)
    try:
        yield
    finally:
        _IS_QUANTIZABLE.reset(token)


def is_quantizable() -> bool:
    """Returns whether the caller is inside such a block."""
    return _IS_QUANTIZABLE.get()
