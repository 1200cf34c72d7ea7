"""Silence for the warnings of a library where they are expected and say nothing to a user."""

import contextlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator

STANDARD_ERROR = 2
# What TensorFlow's libraries log below the level of an error, in both of their forms, and what they say of it.
LIBRARY_LOG = re.compile(rb"WARNING: All log messages before absl|[IW]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IW] ")


@contextlib.contextmanager
def without_warnings(logger_name: str) -> Iterator[None]:
    """Lets a logger say errors only; afterwards it is as it was.

    Args:
        logger_name: Name of the logger, such as `absl`.
    """
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def held_back_library_logs() -> Iterator[None]:
    """Keeps the lines that C++ libraries log while they are imported from standard error.

    They go around Python, and TF_CPP_MIN_LOG_LEVEL has no effect on those of an import in TensorFlow 2.21, so that
    the file descriptor is redirected. Other lines follow at the end of the block; all of them if it ends with an
    exception. Where there is no standard error, nothing is done.
    """
    with contextlib.ExitStack() as stack:
        try:
            kept = stack.enter_context(tempfile.TemporaryFile())
            before = os.dup(STANDARD_ERROR)
        except OSError:  # It was closed, or there is no room; then the lines may be shown.
            kept = None
        if kept is None:
            yield
            return
        stack.callback(os.close, before)
        _flush_standard_error()
        os.dup2(kept.fileno(), STANDARD_ERROR)
        is_failed = True
        try:
            yield
            is_failed = False
        finally:
            _flush_standard_error()
            os.dup2(before, STANDARD_ERROR)
            kept.seek(0)
            lines = [line for line in kept if is_failed or not LIBRARY_LOG.match(line)]
            with contextlib.suppress(OSError):  # Its reader may have gone.
                os.write(STANDARD_ERROR, b"".join(lines))


def _flush_standard_error() -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
