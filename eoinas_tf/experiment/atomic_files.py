"""Files that exist completely or not at all, and that survive a power failure."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from eoinas_tf.experiment.write_failures import write_failure

TEMPORARY_SUFFIX = ".tmp"


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable.

    Args:
        folder: The folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Makes a file's content durable.

    Args:
        path: The file.
    """
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Makes a folder and any missing ones above it, and makes their names durable.

    Args:
        folder: The folder.

    Raises:
        StorageError: It could not be made.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in missing:
            sync_folder(path.parent)
    except OSError as error:
        raise write_failure(folder, error) from None


def temporary_name(path: Path) -> Path:
    """Returns the name that a file has until it is complete.

    Args:
        path: The file.
    """
    return path.with_name(path.name + TEMPORARY_SUFFIX)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name, makes it durable and renames it.

    Args:
        path: The file, replaced if it exists.
        content: The new content.

    Raises:
        StorageError: It could not be written; the old file, if any, is untouched.
    """
    temporary = temporary_name(path)
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()  # Frees the space that it took.
        raise write_failure(path, error, len(content)) from None


def append_bytes(file: BinaryIO, content: bytes) -> None:
    """Appends to a file and makes that durable; appends everything or nothing.

    Args:
        file: Open for appending, unbuffered: a buffer could later write content that counts as failed.
        content: The bytes to append.

    Raises:
        OSError: It could not be written; the file is as long as before.
    """
    end = file.seek(0, os.SEEK_END)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a text file as `write_bytes` does, in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file as `write_bytes` does; NaN and infinity are refused with a ValueError."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
