"""A log file with one JSON object per line that survives kills."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.atomic_files import append_bytes, sync_folder, write_text
from eoinas_tf.experiment.write_failures import repeat_failed_writes, write_failure

Record = dict[str, Any]


class JsonLines:
    """Appends records, reads them, and removes those that a resumed run will write again.

    Args:
        path: The file; it need not exist.
        pause: Waits for some seconds between two attempts to write a line.
    """

    def __init__(self, path: Path, pause: Callable[[float], None] = time.sleep) -> None:
        self.path = path
        self._pause = pause

    def append(self, record: Record) -> None:
        """Appends a line and makes it durable; tries again if that fails, because the run cannot go on without it.

        Args:
            record: A JSON object; NaN and infinity are refused with a ValueError.

        Raises:
            StorageError: The line could not be written; those before it are untouched.
        """
        line = (json.dumps(record, allow_nan=False) + "\n").encode()
        repeat_failed_writes(lambda: self._append(line), self._pause)

    def _append(self, line: bytes) -> None:
        try:
            is_new = not self.path.exists()
            with open(self.path, "ab+", buffering=0) as file:
                _cut_torn_line(file)
                append_bytes(file, line)
            if is_new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise write_failure(self.path, error, len(line)) from None

    def read(self) -> list[Record]:
        """Returns the records; a last line that a kill cut off is ignored.

        Raises:
            StorageError: A line other than the last is damaged.
        """
        if not self.path.exists():
            return []
        *complete, _torn = self.path.read_bytes().split(b"\n")
        try:
            return [json.loads(line) for line in complete]
        except (ValueError, RecursionError):
            raise StorageError(f"{self.path} holds a damaged line; restore it or start in another --run_dir") from None

    def keep(self, is_kept: Callable[[Record], bool]) -> list[Record]:
        """Rewrites the file with only those records that a predicate accepts.

        Args:
            is_kept: Tells whether a record stays.

        Returns:
            The records kept.
        """
        kept = [record for record in self.read() if is_kept(record)]
        if self.path.exists():
            write_text(self.path, "".join(json.dumps(record) + "\n" for record in kept))
        return kept


def _cut_torn_line(file: BinaryIO) -> None:
    """Removes a line that a kill cut off, so that it does not merge with the next."""
    if end := file.seek(0, os.SEEK_END):
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
