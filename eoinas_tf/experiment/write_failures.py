"""Reactions to a file that cannot be written: the message about it, and further attempts."""

import errno
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from eoinas_tf.errors import StorageError

LOGGER = logging.getLogger(__name__)

TRIES = 3
# Two pauses fit into the 15 seconds that a preempted machine has left for its last checkpoint.
PAUSE_SECONDS = 5.0
# TensorFlow's additions to its reasons.
NODE_NAMES = re.compile(r"\{\{.*?\}\} ?| \[Op:\w+\]")
FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))


def failure_line(path: Path, error: Exception, needed: int | None = None, kind: str = "") -> str:
    """Describes a failed write: what could not be written, why, and how much space is left.

    Args:
        path: The file or folder that could not be written; it need not exist.
        error: An OSError or an error of TensorFlow.
        needed: Bytes that it takes at least, if known.
        kind: The kind of file, such as `checkpoint`, if its name does not show it.

    Returns:
        One line.
    """
    reason = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error) or type(error).__name__
    reason = NODE_NAMES.sub("", reason.splitlines()[0])
    sizes = [] if needed is None else [f"at least {needed} bytes are needed"]
    free = free_bytes(path)
    if free is not None:
        sizes.append(f"{free} {'bytes ' * (not sizes)}are free")
    advice = ["make room and repeat the command"] if any(text in reason for text in FULL) else []
    parts = [f"{kind} {path} could not be written: {reason}".lstrip(), ", ".join(sizes), *advice]
    return "; ".join(part for part in parts if part)


def write_failure(path: Path, error: Exception, needed: int | None = None, kind: str = "") -> StorageError:
    """Returns the error with `failure_line` as its message; same arguments."""
    return StorageError(failure_line(path, error, needed, kind))


def free_bytes(path: Path) -> int | None:
    """Returns the free bytes at a path that exists or is to be made; None if that cannot be found out.

    Args:
        path: The path; it need not exist.
    """
    for place in (path, *path.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None


def repeat_failed_writes(write: Callable[[], None], pause: Callable[[float], None] = time.sleep) -> None:
    """Tries up to three times a write that may fail for lack of space, so that a run goes on if somebody frees some.

    Args:
        write: Writes something, and can be called again if it failed.
        pause: Waits for some seconds.

    Raises:
        StorageError: The error of the last attempt; earlier ones are warnings.
    """
    for _ in range(TRIES - 1):
        try:
            return write()
        except StorageError as error:
            LOGGER.warning("%s; trying again in %g seconds", error, PAUSE_SECONDS)
        pause(PAUSE_SECONDS)
    return write()
