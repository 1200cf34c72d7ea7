"""Which settings to lower if the memory does not suffice."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from eoinas_tf.errors import MemoryExhaustedError


@contextlib.contextmanager
def named_memory_exhaustion(settings: str) -> Iterator[None]:
    """Turns a lack of memory inside the block, on a device or on the machine, into a one-line error.

    If the operating system kills the process instead, there is no message.

    Args:
        settings: The flags whose lower values need less memory.

    Raises:
        MemoryExhaustedError: The memory did not suffice; the message gives the requested amount if TensorFlow reports
            it.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        what = str(getattr(error, "message", error)).strip().partition("\n")[0]
        raise MemoryExhaustedError(f"out of memory ({what or 'no details'}); lower {settings}") from None
