"""Checkpoints that are complete or do not exist, and a restart that never silently starts over.

A checkpoint is a folder `ckpt-<number>`: TensorFlow's own files, `state.json`, and
`manifest.json` with the SHA-256 of each file. It is written under a temporary name, read
back, made durable and renamed; the newest folder whose manifest verifies is the latest one.
"""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.atomic_files import sync_file, sync_folder, write_json
from eoinas_tf.fault_points import fault_point

LOGGER = logging.getLogger(__name__)

FOLDER_NAME = re.compile(r"ckpt-(\d{8})(\.replaced)?")
NEEDED_FILES = {"state.json", "variables.index"}
FILE_NAME = re.compile(r"state\.json|variables\.(index|data-\d{5}-of-\d{5})")
TEMPORARY_SUFFIX = ".tmp"
REPLACED_SUFFIX = ".replaced"


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: Where they are; it need not exist.
        state: The variables to save, by the name of what they belong to. Keras's layers do not
            tell TensorFlow of all their variables, so lists of variables are asked for, not layers.
        keep: How many of the newest are kept.
    """

    def __init__(
        self, folder: Path, state: Mapping[str, Sequence[keras.Variable | tf.Variable]], keep: int = 2
    ) -> None:
        self.folder = folder
        self.keep = keep
        self._variables = {
            f"{name}/{position:05d}": _tensorflow_variable(variable)
            for name, variables in state.items()
            for position, variable in enumerate(variables)
        }

    def save(self, number: int, state: Mapping[str, Any]) -> None:
        """Writes a checkpoint, then removes surplus ones.

        Args:
            number: Grows from checkpoint to checkpoint, such as the step.
            state: A JSON object that `restore_latest` returns.

        Raises:
            StorageError: It could not be written; the earlier ones are untouched.
        """
        final = self.folder / f"ckpt-{number:08d}"
        temporary = final.with_name(final.name + TEMPORARY_SUFFIX)
        try:
            self._sweep_temporary()
            temporary.mkdir(parents=True)
            tf.train.Checkpoint(**self._tracked()).write(str(temporary / "variables"))
            write_json(temporary / "state.json", dict(state))
            content = {
                "files": {path.name: _file_digest(path) for path in sorted(temporary.iterdir())},
                "variables": self._description(),
            }
            write_json(temporary / "manifest.json", {"sha256": _json_digest(content), "content": content})
            for path in temporary.iterdir():
                sync_file(path)
            sync_folder(temporary)
            problem = _damage(temporary)
            if problem:
                raise StorageError(f"checkpoint {temporary} was not stored as it was written: {problem}")
            if final.exists():
                # Moved aside under a name that is still found, so that a kill here loses nothing.
                replaced = final.with_name(final.name + REPLACED_SUFFIX)
                shutil.rmtree(replaced, ignore_errors=True)
                final.rename(replaced)
            fault_point("before_checkpoint_has_its_name", number)
            temporary.rename(final)
            sync_folder(self.folder)
            fault_point("after_checkpoint", number)
        except (OSError, tf.errors.OpError) as error:
            free = shutil.disk_usage(self.folder).free if self.folder.exists() else 0
            needed = sum(variable.dtype.size * variable.shape.num_elements() for variable in self._variables.values())
            reason = getattr(error, "strerror", None) or type(error).__name__
            self._sweep_temporary()
            raise StorageError(
                f"checkpoint {final} could not be written ({reason}): it needs about {needed} bytes, {free} are free"
            ) from None
        self._sweep(final)

    def restore_latest(self) -> dict[str, Any] | None:
        """Restores the newest checkpoint that is whole.

        Returns:
            The JSON object it was saved with; None if the run never saved one.

        Raises:
            StorageError: There are checkpoints and none is whole, or the newest belongs to
                another network; the message names the first difference.
        """
        found = self._found()
        damaged = []
        for folder in reversed(found):
            problem = _damage(folder)
            if problem:
                damaged.append(f"{folder.name}: {problem}")
                continue
            if damaged:
                LOGGER.warning("damaged checkpoint (%s); continuing from %s", "; ".join(damaged), folder.name)
            self._restore(folder)
            return json.loads((folder / "state.json").read_text(encoding="utf-8"))
        if damaged:
            raise StorageError(
                f"no checkpoint in {self.folder} is whole ({'; '.join(damaged)}); to start over, name another --run_dir"
            )
        return None

    def _restore(self, folder: Path) -> None:
        stored = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["content"]["variables"]
        expected = self._description()
        for name in [*expected, *stored]:
            if stored.get(name) != expected.get(name):
                raise StorageError(
                    f"checkpoint {folder} does not fit: {name} is {stored.get(name)} in it, {expected.get(name)} here"
                )
        status = tf.train.Checkpoint(**self._tracked()).read(str(folder / "variables"))
        status.assert_consumed()

    def _tracked(self) -> dict[str, tf.Variable]:
        return {name.replace("/", "_"): variable for name, variable in self._variables.items()}

    def _description(self) -> dict[str, list]:
        return {
            name: [variable.dtype.name, variable.shape.as_list()] for name, variable in sorted(self._variables.items())
        }

    def _found(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if FOLDER_NAME.fullmatch(path.name)]
        # Of one number, the replaced one comes first: it is the older.
        return sorted(found, key=lambda path: (path.name[:13], not path.name.endswith(REPLACED_SUFFIX)))

    def _sweep(self, newest: Path) -> None:
        found = self._found()
        position = found.index(newest)
        earlier = found[:position]
        replaced = [path for path in earlier if path.name.endswith(REPLACED_SUFFIX)]
        whole = [path for path in earlier if path not in replaced]
        for path in [*replaced, *whole[: max(0, len(whole) + 1 - self.keep)]]:
            shutil.rmtree(path, ignore_errors=True)
        # A restart that fell back leaves damaged ones with higher numbers, which must not count as the newest.
        for path in found[position + 1 :]:
            if _damage(path):
                shutil.rmtree(path, ignore_errors=True)

    def _sweep_temporary(self) -> None:
        for path in self.folder.glob(f"*{TEMPORARY_SUFFIX}"):
            shutil.rmtree(path, ignore_errors=True)


def _tensorflow_variable(variable: keras.Variable | tf.Variable) -> tf.Variable:
    return variable.value if isinstance(variable, keras.Variable) else variable


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _json_digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _damage(folder: Path) -> str | None:
    """Returns what is wrong with a checkpoint's files, or None."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest["sha256"] != _json_digest(manifest["content"]):
            return "manifest.json is damaged"
        files, variables = manifest["content"]["files"], manifest["content"]["variables"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "manifest.json is missing or damaged"
    # A checkpoint can come from elsewhere: what it names is not opened unless it lies in its folder.
    if not (isinstance(files, dict) and isinstance(variables, dict)):
        return "manifest.json is damaged"
    if not (files.keys() >= NEEDED_FILES and all(FILE_NAME.fullmatch(name) for name in files)):
        return "manifest.json names other files than a checkpoint's"
    for name, digest in files.items():
        if not (folder / name).is_file():
            return f"{name} is missing"
        if _file_digest(folder / name) != digest:
            return f"{name} is damaged"
    return None
