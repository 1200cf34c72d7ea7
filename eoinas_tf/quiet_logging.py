"""Suppresses library warnings that are expected and of no use to a user."""

import contextlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator

STANDARD_ERROR = 2
# TensorFlow's libraries' log lines below the level of an error, in both of their formats, the line that announces
# them, and what its quantizer prints.
LIBRARY_LOG = re.compile(
    rb"WARNING: All log messages before absl|[IW]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IW] |fully_quantize: "
)


@contextlib.contextmanager
def without_warnings(logger_name: str) -> Iterator[None]:
    """Limits a logger to errors inside the block; afterwards its level is restored.

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
    """Holds back the lines that C++ libraries log to standard error while they are imported or convert a network.

    These libraries bypass Python, and in TensorFlow 2.21 TF_CPP_MIN_LOG_LEVEL has no effect on lines logged during
    import, so the file descriptor is redirected. Other lines are written at the end of the block; all lines are if it
    ends with an exception. Without a standard error, nothing is done.
    """
    with contextlib.ExitStack() as stack:
        try:
            kept = stack.enter_context(tempfile.TemporaryFile())
            before = os.dup(STANDARD_ERROR)
        except OSError:  # It was closed, or there is no space; then the lines may be shown.
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
