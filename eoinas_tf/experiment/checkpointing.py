"""Checkpoints that are complete or do not exist, and a restart that never silently starts over.

A checkpoint is a folder `ckpt-<number>`: TensorFlow's own files, `state.json`, and `manifest.json` with the SHA-256 of
each file. It is written under a temporary name, read back, made durable and renamed; the latest checkpoint is the
newest folder whose manifest verifies. If the folder of checkpoints is lost, a file beside it shows that there were
some.
"""

import errno
import hashlib
import json
import logging
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.atomic_files import make_folder, sync_file, sync_folder, write_json
from eoinas_tf.experiment.write_failures import repeat_failed_writes, write_failure
from eoinas_tf.fault_points import fault_point

LOGGER = logging.getLogger(__name__)

FOLDER_NAME = re.compile(r"ckpt-(\d{8,})(\.replaced)?")
NEEDED_FILES = {"state.json", "variables.index"}
FILE_NAME = re.compile(r"state\.json|variables\.(index|data-\d{5}-of-\d{5})")
TEMPORARY_SUFFIX = ".tmp"
REPLACED_SUFFIX = ".replaced"


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: Their folder; it need not exist. Beside it is a file of the same name with `.json` added.
        state: The variables to save, by owner. Keras's layers do not tell TensorFlow about all their variables, so the
            state consists of lists of variables, not layers.
        keep: How many of the newest checkpoints to keep.
        pause: Waits for some seconds between two attempts to write one.
    """

    def __init__(
        self,
        folder: Path,
        state: Mapping[str, Sequence[keras.Variable | tf.Variable]],
        keep: int = 2,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.folder = folder
        self.first_saved = folder.with_name(f"{folder.name}.json")
        self.keep = keep
        self._pause = pause
        self._newest: Path | None = None
        self._variables = {
            f"{name}/{position:05d}": _tensorflow_variable(variable)
            for name, variables in state.items()
            for position, variable in enumerate(variables)
        }

    def save(self, number: int, state: Mapping[str, Any]) -> None:
        """Writes a checkpoint, then removes surplus ones; tries again if writing fails.

        Args:
            number: Increases from checkpoint to checkpoint, such as the step.
            state: A JSON object, which `restore_latest` returns.

        Raises:
            StorageError: It could not be written; the earlier ones are untouched.
        """
        repeat_failed_writes(lambda: self._save(number, state), self._pause)

    def _save(self, number: int, state: Mapping[str, Any]) -> None:
        final = self.folder / f"ckpt-{number:08d}"
        temporary = final.with_name(final.name + TEMPORARY_SUFFIX)
        try:
            self._sweep_temporary()
            # Checkpoints left because a kill prevented the last sweep must not exist beside the new one.
            self._sweep()
            make_folder(self.folder)
            temporary.mkdir()
            tf.train.Checkpoint(**self._tracked()).write(str(temporary / "variables"))
            _write_json(temporary / "state.json", dict(state))
            content = {
                "files": {path.name: _file_digest(path) for path in sorted(temporary.iterdir())},
                "variables": self._description(),
            }
            _write_json(temporary / "manifest.json", {"sha256": _json_digest(content), "content": content})
            for path in temporary.iterdir():
                sync_file(path)
            sync_folder(temporary)
            problem = _damage(temporary)
            if problem:
                raise OSError(errno.EIO, f"{problem} after it was written")
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
            self._sweep_temporary()
            needed = sum(variable.dtype.size * variable.shape.num_elements() for variable in self._variables.values())
            raise write_failure(final, error, needed, kind="checkpoint") from None
        self._newest = final
        if not self.first_saved.exists():
            write_json(self.first_saved, {"first_checkpoint": number})
        self._sweep()

    def latest_state(self) -> dict[str, Any] | None:
        """Returns the JSON object saved with the newest intact checkpoint, or None; restores nothing."""
        for folder in reversed(self._found()):
            if _damage(folder) is None:
                return json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return None

    def restore_latest(self, only_own: bool = False) -> dict[str, Any] | None:
        """Restores the newest intact checkpoint.

        Args:
            only_own: Whether the checkpoint may contain other variables, which are ignored.

        Returns:
            The JSON object saved with it; None if the run never saved one.

        Raises:
            StorageError: There were checkpoints, but none is intact or left, or the newest belongs to another network;
                the message names the first difference.
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
            self._restore(folder, only_own)
            self._newest = folder
            return json.loads((folder / "state.json").read_text(encoding="utf-8"))
        if damaged:
            raise StorageError(
                f"no checkpoint in {self.folder} is whole ({'; '.join(damaged)}); to start over, name another --run_dir"
            )
        if self.first_saved.exists():
            raise StorageError(
                f"{self.folder} has no checkpoint, but had one ({self.first_saved}); put it back, or name another "
                "--run_dir to start over"
            )
        return None

    def _restore(self, folder: Path, only_own: bool) -> None:
        stored = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["content"]["variables"]
        expected = self._description()
        for name in expected if only_own else [*expected, *stored]:
            if stored.get(name) != expected.get(name):
                raise StorageError(
                    f"checkpoint {folder} does not fit: {name} is {stored.get(name)} in it, {expected.get(name)} here"
                )
        status = tf.train.Checkpoint(**self._tracked()).read(str(folder / "variables"))
        if only_own:
            status.assert_existing_objects_matched().expect_partial()
        else:
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
        found = [(path, FOLDER_NAME.fullmatch(path.name)) for path in self.folder.iterdir()]
        # For the same number, the replaced checkpoint comes first: it is older.
        ages = {path: (int(match[1]), match[2] is None) for path, match in found if match}
        return sorted(ages, key=ages.__getitem__)

    def _sweep(self) -> None:
        """Removes checkpoints older than the newest ones to keep, once the newest intact one is known."""
        found = self._found()
        if self._newest not in found:
            return
        position = found.index(self._newest)
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


def _write_json(path: Path, content: Any) -> None:
    # Made durable together with the other files in its folder.
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


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
    # A checkpoint may come from elsewhere: files that it names are opened only if they are in its folder.
    if not (isinstance(files, dict) and isinstance(variables, dict)):
        return "manifest.json is damaged"
    if not (files.keys() >= NEEDED_FILES and all(FILE_NAME.fullmatch(name) for name in files)):
        return "manifest.json names other files than a checkpoint's"
    for name, digest in files.items():
        if not (folder / name).is_file():
            return f"{name} is missing"
        try:
            if _file_digest(folder / name) != digest:
                return f"{name} is damaged"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    return None
