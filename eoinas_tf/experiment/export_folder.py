"""The folder of an export: it exists completely or not at all, and never replaces anything else.

Each export is a folder with a description, `export.json`, that lists its files. A folder without one, or with files
that it does not list, belongs to somebody else and is left alone.
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
from eoinas_tf.experiment.atomic_files import make_folder, sync_file, sync_folder, temporary_name, write_json
from eoinas_tf.experiment.write_failures import write_failure

DESCRIPTION = "export.json"
PRODUCER = "eoinas_tf"
# Suffixes of the names of an unfinished export, and of the previous one while it is replaced.
TEMPORARY, OLD = "tmp", "old"


def check_replaceable(folder: Path) -> None:
    """Refuses a location that holds something an export must not replace.

    Args:
        folder: The export's folder.

    Raises:
        StorageError: It holds something other than an export of this program, or other files as well.
    """
    if not os.path.lexists(folder):
        return
    stored = _description(folder)
    if stored is None:
        raise StorageError(
            f"{folder} is not replaced by an export, because it is not an export of eoinas_tf (it has no "
            f"{DESCRIPTION}); move it away or name another --run_dir"
        )
    foreign = sorted(set(_files(folder)) - set(stored.get("files", [])))
    if foreign:
        raise StorageError(
            f"{folder} is not replaced by a new export, because it holds {foreign[0]!r}, which the old one did not "
            "bring; move it away or name another --run_dir"
        )


@contextlib.contextmanager
def new_export(folder: Path, description: Mapping[str, Any]) -> Iterator[Path]:
    """Lets the block write an export under a temporary name; it gets its own name if the block ends without an error.

    Args:
        folder: The export's folder; an older export in it is replaced at the end.
        description: The content of `export.json`, a JSON object.

    Yields:
        The temporary folder, which exists and contains only `export.json`.

    Raises:
        StorageError: Something else is there, or the export could not be written; the previous content is unchanged.
    """
    check_replaceable(folder)
    temporary = _beside(folder, TEMPORARY)
    content = {"producer": PRODUCER, **description}
    try:
        _clean_up(folder)
        make_folder(folder.parent)
        temporary.mkdir()
        try:
            write_json(temporary / DESCRIPTION, content)
            yield temporary
            for path in temporary.rglob("*"):
                (sync_folder if path.is_dir() else sync_file)(path)
            write_json(temporary / DESCRIPTION, {**content, "files": _files(temporary)})
            _take_name(temporary, folder)
        finally:
            # This name holds the failed export or the one that was replaced.
            with contextlib.suppress(OSError):
                _remove(temporary)
    except (OSError, tf.errors.OpError) as error:
        raise write_failure(folder, error, kind="the export to") from None


def _take_name(temporary: Path, folder: Path) -> None:
    """Renames a finished export, and gives its temporary name to the previous one."""
    replaced = _beside(folder, OLD)
    if folder.exists():
        folder.rename(replaced)
    try:
        temporary.rename(folder)
    except OSError:
        if replaced.exists():
            replaced.rename(folder)
        raise
    sync_folder(folder.parent)
    if replaced.exists():
        # During its removal it must not have a name from which it would be restored.
        replaced.rename(temporary)


def _clean_up(folder: Path) -> None:
    """Removes the remains of killed exports, and restores an export whose replacement was killed."""
    pattern = re.compile(re.escape(folder.name) + rf"\.\d+\.({TEMPORARY}|{OLD})")
    remains = [path for path in folder.parent.glob("*") if pattern.fullmatch(path.name) and _is_remains(path)]
    replaced = [path for path in remains if path.suffix == f".{OLD}"]
    for path in remains:
        if path not in replaced:
            _remove(path)
    for path in replaced:
        if folder.exists():
            _remove(path.rename(path.with_suffix(f".{TEMPORARY}")))
        else:
            path.rename(folder)
            sync_folder(folder.parent)


def _is_remains(folder: Path) -> bool:
    """Tells whether a folder with a temporary name is an export of ours, finished or not."""
    if _description(folder) is not None:
        return True
    if folder.is_symlink() or not folder.is_dir():
        return False
    return {path.name for path in folder.iterdir()} <= {temporary_name(folder / DESCRIPTION).name}


def _remove(folder: Path) -> None:
    """Removes an export, its description last: without it, the rest would be considered somebody else's."""
    if not folder.exists():
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != DESCRIPTION:
            path.unlink()
    shutil.rmtree(folder)


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
    """Returns the files of an export except its description, sorted."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return sorted(path for path in paths if path != DESCRIPTION)
