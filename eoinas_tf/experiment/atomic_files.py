"""Files that are either there as a whole or not at all, and stay there when the power goes."""

import json
import os
from pathlib import Path
from typing import Any

from eoinas_tf.errors import StorageError


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


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name, makes it durable and renames it.

    Args:
        path: The file, replaced if it exists.
        content: What it holds afterwards.

    Raises:
        StorageError: It could not be written; the old file, if any, is untouched.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"{path} could not be written: {error.strerror}") from None


def write_text(path: Path, text: str) -> None:
    """Writes a text file as `write_bytes` does, in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file as `write_bytes` does; NaN and infinity are refused with a ValueError."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
