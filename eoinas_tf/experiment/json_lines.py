"""A log file with one JSON object a line, that survives kills."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.atomic_files import write_text

Record = dict[str, Any]


class JsonLines:
    """Appends records, reads them, and forgets those that a resumed run will write again.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Record) -> None:
        """Adds a line and makes it durable.

        Args:
            record: A JSON object; NaN and infinity are refused with a ValueError.

        Raises:
            StorageError: The line could not be written.
        """
        line = json.dumps(record, allow_nan=False) + "\n"
        try:
            with open(self.path, "ab+") as file:
                # A line that a kill or a full disk cut off must not swallow this one.
                if end := file.tell():
                    file.seek(end - 1)
                    if file.read(1) != b"\n":
                        file.seek(0)
                        file.truncate(file.read().rfind(b"\n") + 1)
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(f"{self.path} could not be written: {error.strerror}") from None

    def read(self) -> list[Record]:
        """Returns the records; a last line that was cut off by a kill is left out.

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
        """Rewrites the file with those records only that a predicate accepts.

        Args:
            is_kept: Tells whether a record stays.

        Returns:
            The records kept.
        """
        kept = [record for record in self.read() if is_kept(record)]
        if self.path.exists():
            write_text(self.path, "".join(json.dumps(record) + "\n" for record in kept))
        return kept
