"""Output that does not end a run if its reader has gone, its disk is full, or it only supports ASCII."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from absl import logging as absl_logging

# EIO: the terminal was closed.
READER_GONE = (errno.EPIPE, errno.EIO)


class EnduringStream:
    """A text stream that escapes characters missing from its encoding, and drops text that cannot be written.

    Args:
        stream: The underlying stream; None if the process was started without it.

    Attributes:
        has_reader: Whether anybody can still read the output.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.has_reader = stream is not None

    def write(self, text: str) -> int:
        """Writes a text, as far as possible.

        Args:
            text: The text.

        Returns:
            Its length.
        """
        if self._stream is not None:
            with self._noting_failures():
                try:
                    self._stream.write(text)
                except UnicodeEncodeError:
                    self._stream.write(
                        text.encode(self._stream.encoding, "backslashreplace").decode(self._stream.encoding)
                    )
        return len(text)

    def flush(self) -> None:
        """Flushes what was written."""
        if self._stream is not None:
            with self._noting_failures():
                self._stream.flush()

    def isatty(self) -> bool:
        """Returns whether it is a terminal."""
        return self._stream is not None and self._stream.isatty()

    def settle(self) -> None:
        """Flushes or discards what was written; otherwise Python would try at its exit, and fail with status 120."""
        if self._stream is None:
            return
        try:
            self._stream.flush()
        except OSError:
            with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())

    @contextlib.contextmanager
    def _noting_failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.has_reader = self.has_reader and error.errno not in READER_GONE

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def has_reader(stream: object) -> bool:
    """Returns whether anybody can read a stream's output, as far as is known.

    Args:
        stream: A stream.
    """
    return getattr(stream, "has_reader", True)


@contextlib.contextmanager
def enduring_output() -> Iterator[None]:
    """Makes standard output, standard error and the log enduring inside the block."""
    streams = sys.stdout, sys.stderr
    ours = EnduringStream(streams[0]), EnduringStream(streams[1])
    handler = absl_logging.get_absl_handler().python_handler
    logged_to = handler.stream
    sys.stdout, sys.stderr = ours
    handler.stream = ours[1]
    try:
        yield
    finally:
        for stream in ours:
            stream.settle()
        sys.stdout, sys.stderr = streams
        handler.stream = logged_to
