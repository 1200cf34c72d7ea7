"""What to lower when the memory does not suffice."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from eoinas_tf.errors import MemoryExhaustedError


@contextlib.contextmanager
def named_memory_exhaustion(settings: str) -> Iterator[None]:
    """Turns a lack of memory in the block, of a device or of the machine, into one line.

    A machine that lets the process be killed instead says nothing.

    Args:
        settings: The flags whose lower values need less memory.

    Raises:
        MemoryExhaustedError: The memory did not suffice; names what was asked for, where TensorFlow says so.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        what = str(getattr(error, "message", error)).strip().partition("\n")[0]
        raise MemoryExhaustedError(f"out of memory ({what or 'no details'}); lower {settings}") from None
