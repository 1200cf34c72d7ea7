"""Silence for the warnings of a library where they are expected and say nothing to a user."""

import contextlib
import logging
from collections.abc import Iterator


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
