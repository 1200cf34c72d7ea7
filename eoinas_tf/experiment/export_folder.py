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
from eoinas_tf.experiment.atomic_files import make_folder, sync_file, sync_folder, temporary_name, write_json
from eoinas_tf.experiment.write_failures import write_failure

DESCRIPTION = "export.json"
PRODUCER = "eoinas_tf"
# What the names end with that an export has before, and that the one before it has while it is replaced.
TEMPORARY, OLD = "tmp", "old"


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
            # Under this name lies what failed, or the export that was replaced.
            with contextlib.suppress(OSError):
                _remove(temporary)
    except (OSError, tf.errors.OpError) as error:
        raise write_failure(folder, error, kind="the export to") from None


def _take_name(temporary: Path, folder: Path) -> None:
    """Renames a finished export, and gives its temporary name to the one before it."""
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
        # While it is removed it must not bear a name from which it would be brought back.
        replaced.rename(temporary)


def _clean_up(folder: Path) -> None:
    """Removes what killed exports left, and gives an export back its name that was killed while replaced."""
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
    """Tells whether a folder of a temporary name is an export of ours, or was to become one."""
    if _description(folder) is not None:
        return True
    if folder.is_symlink() or not folder.is_dir():
        return False
    return {path.name for path in folder.iterdir()} <= {temporary_name(folder / DESCRIPTION).name}


def _remove(folder: Path) -> None:
    """Removes an export, its description last: without it the rest would be taken for somebody else's."""
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
    """Returns the files of an export but its description, sorted."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return sorted(path for path in paths if path != DESCRIPTION)
