"""The folder of an export: there as a whole or not at all, and never in place of something else.

Each export is a folder with a description, `export.json`, that names its files. A folder
without one, or with files that it does not name, is somebody else's and is left alone.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.atomic_files import sync_file, sync_folder, write_json

DESCRIPTION = "export.json"
PRODUCER = "eoinas_tf"


def check_replaceable(folder: Path) -> None:
    """Refuses a place where something lies that an export must not replace.

    Args:
        folder: Where the export is to be.

    Raises:
        StorageError: Something lies there that is not an export of this program, or more than it.
    """
    if not os.path.lexists(folder):
        return
    stored = _description(folder)
    if stored is None:
        raise StorageError(
            f"{folder} is not replaced by an export, because it is none itself (no {DESCRIPTION} of ours in it); "
            "move it away or name another --run_dir"
        )
    foreign = sorted(set(_files(folder)) - set(stored.get("files", [])))
    if foreign:
        raise StorageError(
            f"{folder} is not replaced by a new export, because it holds {foreign[0]!r}, which the old one did not "
            "bring; move it away or name another --run_dir"
        )


@contextlib.contextmanager
def new_export(folder: Path, description: Mapping[str, Any]) -> Iterator[Path]:
    """Lets an export be written under a temporary name; it gets its own when the block ends without an error.

    Args:
        folder: The export's folder; an older export in it is replaced at the end.
        description: What `export.json` is to say, a JSON object.

    Yields:
        The temporary folder, which exists and holds nothing but `export.json`.

    Raises:
        StorageError: Something else lies there, or the export could not be written; what was
            there before is as it was.
    """
    check_replaceable(folder)
    temporary = _beside(folder, "tmp")
    content = {"producer": PRODUCER, **description}
    try:
        _clean_up(folder)
        temporary.mkdir(parents=True)
        try:
            write_json(temporary / DESCRIPTION, content)
            yield temporary
            for path in temporary.rglob("*"):
                (sync_folder if path.is_dir() else sync_file)(path)
            write_json(temporary / DESCRIPTION, {**content, "files": _files(temporary)})
            _take_name(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise StorageError(f"the export to {folder} could not be written: {reason}") from None


def _take_name(temporary: Path, folder: Path) -> None:
    """Renames a finished export, and removes the one before it."""
    replaced = _beside(folder, "old")
    if folder.exists():
        folder.rename(replaced)
    try:
        temporary.rename(folder)
    except OSError:
        if replaced.exists():
            replaced.rename(folder)
        raise
    sync_folder(folder.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _clean_up(folder: Path) -> None:
    """Removes what killed exports left, and gives an export back its name that was killed while replaced."""
    pattern = re.compile(re.escape(folder.name) + r"\.\d+\.(tmp|old)")
    found = [path for path in folder.parent.glob("*") if pattern.fullmatch(path.name) and _description(path)]
    for path in sorted(found):
        if path.suffix == ".old" and not folder.exists():
            path.rename(folder)
        else:
            shutil.rmtree(path)


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(f"{folder.name}.{os.getpid()}.{suffix}")


def _description(folder: Path) -> dict[str, Any] | None:
    """Returns an export's description; None if the folder is not an export of ours, or a link."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    try:
        content = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("producer") == PRODUCER else None


def _files(folder: Path) -> list[str]:
    """Returns the files of an export but its description, sorted."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return sorted(path for path in paths if path != DESCRIPTION)
