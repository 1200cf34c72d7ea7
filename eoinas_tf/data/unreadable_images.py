"""Images that become unreadable while a run reads them, such as from a drive that was unplugged."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from eoinas_tf.errors import DatasetError

FAILURES = (
    tf.errors.AbortedError,
    tf.errors.DataLossError,
    tf.errors.FailedPreconditionError,
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)
# TensorFlow names the operation that failed; this one reads the next images.
READING = "IteratorGetNext"
# The reason stands before the operations, such as `[[{{node ReadFile}}]]`, and may follow a traceback of the graph.
REASON = re.compile(r"([^\n]*)\n\s*\[\[")
# Without a graph, it stands before the name of the operation, after the kind of error if a traceback precedes it.
REASON_AT_ONCE = re.compile(r"(?:\w+Error: )?([^\n]*)\[Op:")
NAMES = re.compile(r"\{\{.*?\}\}")


@contextlib.contextmanager
def named_read_failures() -> Iterator[None]:
    """Turns an image that cannot be read inside the block into a one-line error.

    All images were read once before the first step, so a file was lost or changed since.

    Raises:
        DatasetError: An image could not be read; the message gives TensorFlow's reason.
    """
    try:
        yield
    except FAILURES as error:
        if READING not in error.message:
            raise
        raise _one_line(error) from None


@contextlib.contextmanager
def reading_images() -> Iterator[None]:
    """Does the same for a block that reads images itself, not through a `tf.data` pipeline, and does nothing else.

    Raises:
        DatasetError: An image could not be read.
    """
    try:
        yield
    except FAILURES as error:
        raise _one_line(error) from None


def _one_line(error: tf.errors.OpError) -> DatasetError:
    reason = REASON.search(error.message) or REASON_AT_ONCE.search(error.message)
    what = NAMES.sub("", reason[1] if reason else error.message.strip().partition("\n")[0]).strip()
    return DatasetError(
        f"an image could not be read: {what}; put it back, and repeat the command, which continues where the run was "
        "last saved"
    )
