"""The folder of one run: its lock, its settings, and the paths of its files.

It is opened before TensorFlow is loaded, so that a wrong folder is reported at once.
"""

import contextlib
import dataclasses
import errno
import fcntl
import json
import logging
import os
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from eoinas_tf.config import EvaluationConfig, RunConfig, SearchConfig, config_of, expanded_setting
from eoinas_tf.errors import ConfigurationError, RunDirectoryError
from eoinas_tf.experiment.atomic_files import TEMPORARY_SUFFIX, temporary_name, write_json
from eoinas_tf.experiment.run_environment import run_environment
from eoinas_tf.experiment.write_failures import write_failure
from eoinas_tf.fault_points import fault_point

LOGGER = logging.getLogger(__name__)

# Empty between the file's creation and the holder's name.
LOCK_TEXT = re.compile(r"(process \d+ on .*\n)?")
RUN_KINDS = {kind.__name__ for kind in (SearchConfig, EvaluationConfig)}
# Files that a run writes before it has read its images.
FILES_OF_THE_BEGINNING = {"config.json", "config.json.tmp", "environment.json", "environment.json.tmp", "lock"}
# What it then records of its images and weights, before its first step.
RECORDS_OF_THE_BEGINNING = ("dataset.json", "class_weights.json", "initial_weights.json", "latency_budget.json")
# The settings that TensorBoard shows; there are no curves before the first epoch is recorded.
FOLDERS_OF_THE_BEGINNING = {"tensorboard"}
# A training's copy of its cells; in other folders, it is a result.
TRAINED_CELLS = "genotype.json"
# Of several searches, each has its own folder of this name and its seed.
SEED_FOLDER = "seed_"


class RunDirectory:
    """A run's folder, held by one process at a time.

    Args:
        config: The run's settings; `config.run_dir` is the folder.
        is_writer: Whether this process locks and writes the folder. If several processes train one network together,
            the first does and the others only read.

    Attributes:
        config: The settings, including the epochs that a run with a time budget has chosen.

    Example:
        with RunDirectory(config) as run:
            write_json(run.summary, {"accuracy": 0.97})
    """

    def __init__(self, config: RunConfig, is_writer: bool = True) -> None:
        if not config.run_dir:
            raise ConfigurationError("--run_dir is missing: name the folder that receives what the run writes")
        self.config = config
        self.is_writer = is_writer
        self.path = Path(config.run_dir)
        self.config_file = self.path / "config.json"
        self.environment = self.path / "environment.json"
        self.dataset = self.path / "dataset.json"
        self.class_weights = self.path / "class_weights.json"
        self.initial_weights = self.path / "initial_weights.json"
        self.latency_budget = self.path / "latency_budget.json"
        self.metrics = self.path / "metrics.jsonl"
        self.pruning = self.path / "pruning.jsonl"
        self.timing = self.path / "timing.jsonl"
        self.genotype = self.path / "genotype.json"
        self.final_evidence = self.path / "final_evidence.json"
        self.summary = self.path / "summary.json"
        self.keras_model = self.path / "model.keras"
        self.class_accuracy = self.path / "class_accuracy.csv"
        self.exports = self.path / "exports.json"
        self.report = self.path / "report.html"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.plots = self.path / "plots"
        self._lock_file: IO[str] | None = None

    def __enter__(self) -> "RunDirectory":
        """Creates or opens the folder; its writer also takes the lock and removes the remains of a kill.

        A process that does not write only compares the settings, so that it does not wait for a writer that refuses
        them.

        Raises:
            RunDirectoryError: The folder cannot be used: not writable, in use, another run's, or not a run's.
            StorageError: The disk is full.
        """
        if not self.is_writer:
            if self.config_file.exists() and not self.only_begun():
                stored = _read_settings(self.config_file)
                self._refuse_changes(self._changes_since(stored, self._with_kept_epochs(stored)))
            return self
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._take_lock()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise write_failure(self.path, error) from None
            raise RunDirectoryError(
                f"--run_dir={self.path} cannot be used as a run folder: {error.strerror}; name another one"
            ) from None
        try:
            self._claim()
            self._sweep_temporary()
        except BaseException:
            self._release_lock()
            raise
        fault_point("after_run_folder_opened", 0)
        return self

    def __exit__(self, *exception: object) -> None:
        """Releases the lock."""
        self._release_lock()

    def _take_lock(self) -> None:
        lock_path = self.path / "lock"
        if self._foreign_files():
            raise RunDirectoryError(
                f"--run_dir={self.path} is not a run folder: it holds {self._foreign_files()[0]!r}; name an empty or a "
                "new folder"
            )
        lock_file = open(lock_path, "a+", encoding="utf-8")  # noqa: SIM115 -- held until the run ends
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock_file.seek(0)
            holder = lock_file.read().strip() or "another process"
            lock_file.close()
            raise RunDirectoryError(
                f"--run_dir={self.path} is in use by {holder}; wait for it, stop it, or name another folder"
            ) from None
        lock_file.truncate(0)
        lock_file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        lock_file.flush()
        self._lock_file = lock_file

    def _release_lock(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _foreign_files(self) -> list[str]:
        """Returns the contents of a folder that no run has used yet."""
        if self.config_file.exists():
            return []
        # Files that a run killed before it wrote its settings may have left; its lock file says who held it.
        ours = FILES_OF_THE_BEGINNING
        lock_path = self.path / "lock"
        if lock_path.is_file() and not LOCK_TEXT.fullmatch(lock_path.read_text(encoding="utf-8", errors="replace")):
            ours = ours - {"lock"}
        return sorted(entry.name for entry in self.path.iterdir() if entry.name not in ours)

    def _claim(self) -> None:
        """Writes the settings of a new run, or compares those of an old one."""
        if not self.config_file.exists():
            self._write_settings()
            return
        stored, given = _read_settings(self.config_file), self.config
        self.config = self._with_kept_epochs(stored)
        changes = self._changes_since(stored, self.config)
        if changes and self.only_begun() and stored.get("kind") in RUN_KINDS:
            self.config = given  # Epochs that a time budget chose for other settings are not kept.
            self._forget_records()
            self._write_settings()
        else:
            self._refuse_changes(changes)
            if self.only_begun():
                # The first process may have been refused for them, such as for a wrong --data_dir.
                self._write_config()
        self._compare_environment()

    def _changes_since(self, stored: dict[str, Any], config: RunConfig) -> list[str]:
        """Returns in words how settings differ from stored ones, if that changes the result."""
        stored, usual = dict(stored), usual_settings(type(config), stored)
        settings = {"kind": type(config).__name__, **config.result_settings()}
        for field in dataclasses.fields(config):  # Earlier versions stored paths as they were given.
            if field.name in stored:
                stored[field.name] = expanded_setting(field, stored[field.name])
            elif field.name in settings and field.name in usual:  # Versions without it did what the default does.
                stored[field.name] = usual[field.name]
        return [
            f"--{name}: {_shown(stored.get(name))} -> {_shown(value)}"
            for name, value in settings.items()
            if stored.get(name) != value
        ]

    def _refuse_changes(self, changes: list[str]) -> None:
        if changes:
            raise RunDirectoryError(
                f"--run_dir={self.path} holds a run with other settings ({'; '.join(changes)}); repeat its settings to "
                "continue it, or name another folder"
            )

    def _with_kept_epochs(self, stored: dict[str, Any]) -> RunConfig:
        """Returns the settings with the epochs that the run chose by its time budget when it began.

        Args:
            stored: The run's stored settings.

        Raises:
            RunDirectoryError: It has another time budget or none.
        """
        config, epochs = self.config, stored.get("epochs")
        if config.epochs is not None or stored.get("kind") != type(config).__name__:
            return config
        if stored.get("hours") == config.hours:
            if epochs is None:
                return config
            steps = stored.get("steps_per_epoch") if config.steps_per_epoch is None else config.steps_per_epoch
            return dataclasses.replace(config, epochs=epochs, steps_per_epoch=steps)
        if self.only_begun():
            return config
        raise RunDirectoryError(
            f"--run_dir={self.path} holds a run with other settings (--hours: {stored.get('hours')} -> {config.hours}, "
            f"--epochs: {epochs}); repeat its settings to continue it, or name another folder"
        )

    def keep_epochs(self, epochs: int, steps_per_epoch: int | None) -> None:
        """Records, once, the epochs that the run has chosen by its time budget.

        Args:
            epochs: The number of epochs.
            steps_per_epoch: Steps of each; None: those of all images.

        Raises:
            ConfigurationError: It does not fit the other settings.
            StorageError: It could not be written.
        """
        self.config = dataclasses.replace(self.config, epochs=epochs, steps_per_epoch=steps_per_epoch)
        self._write_config()

    def keep_devices(self, replicas: int, device: str, is_done: bool) -> None:
        """Adds the devices of a new run to environment.json, or compares those of an old run.

        Args:
            replicas: The number of copies of the network.
            device: `CPU` or `GPU`.
            is_done: Whether all steps are done, so that it makes no difference to the training.

        Raises:
            RunDirectoryError: The run began with another number of replicas, each of which normalizes its own share of
                a batch.
            StorageError: It could not be written.
        """
        if not self.is_writer:
            return
        stored = _read_settings(self.environment)
        if "replicas" not in stored or self.only_begun():
            write_json(self.environment, {**stored, "replicas": replicas, "device": device})
        elif is_done:
            return
        elif stored["replicas"] != replicas:
            raise RunDirectoryError(
                f"--run_dir={self.path} holds a run with {stored['replicas']} replicas, each of which normalizes its "
                f"own share of a batch; continue it on as many devices, or name another folder. Received: {replicas}"
            )
        elif stored.get("device") != device:
            LOGGER.warning("this run began on a %s: its bits may differ from now on", stored.get("device"))

    def first_settings(self) -> dict[str, Any]:
        """Returns the settings in the folder; those that change no result are of the process that kept a first step."""
        return _read_settings(self.config_file) if self.config_file.exists() else {}

    def keep_checkpoint_interval(self) -> None:
        """Replaces the stored interval of checkpoints by this process's."""
        interval = {"checkpoint_every_epochs": self.config.checkpoint_every_epochs}
        write_json(self.config_file, {**_read_settings(self.config_file), **interval})

    def only_begun(self) -> bool:
        """Returns whether the folder only holds the run's settings and its records of images and weights."""
        return has_only_begun(self.path)

    def keep_record(
        self, path: Path, record: dict[str, Any], changes_since: Callable[[dict[str, Any]], list[str]]
    ) -> list[str]:
        """Records what a new run begins with, or compares it with what an old run began with.

        Args:
            path: The record's file, in this folder.
            record: The current values.
            changes_since: Describes in words the differences from an earlier record that is not equal.

        Returns:
            The differences; none in a new run, or in a process that does not write.

        Raises:
            RunDirectoryError: The earlier record cannot be read.
            StorageError: The record could not be written.
        """
        if not self.is_writer:
            return []
        if not path.exists() or self.only_begun():
            write_json(path, record)
            return []
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return [] if stored == record else changes_since(stored)
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise RunDirectoryError(f"{path} cannot be read ({type(error).__name__}); name another --run_dir") from None

    def _forget_records(self) -> None:
        """Removes what a run of other settings recorded before its first step; only if none was kept."""
        for name in _records_of_the_beginning(self.path):
            (self.path / name).unlink(missing_ok=True)

    def _write_settings(self) -> None:
        write_json(self.environment, run_environment())
        self._write_config()

    def _write_config(self) -> None:
        write_json(self.config_file, {"kind": type(self.config).__name__, **json.loads(self.config.to_json())})

    def _sweep_temporary(self) -> None:
        """Removes files and checkpoints that a killed process was writing; only the holder of the lock may."""
        files = (
            self.config_file,
            self.environment,
            self.dataset,
            self.class_weights,
            self.initial_weights,
            self.latency_budget,
            self.metrics,
            self.pruning,
            self.timing,
            self.genotype,
        )
        results = (
            self.final_evidence,
            self.summary,
            self.class_accuracy,
            self.keras_model,
            self.exports,
            self.report,
            self.checkpoints.with_suffix(".json"),
        )
        temporary = [temporary_name(path) for path in (*files, *results)]
        pictures = [path for suffix in ("png", "svg") for path in self.plots.glob(f"*.{suffix}{TEMPORARY_SUFFIX}")]
        for path in (*temporary, *pictures):
            with contextlib.suppress(OSError):
                path.unlink()
        for path in self.checkpoints.glob(f"ckpt-*{TEMPORARY_SUFFIX}"):
            shutil.rmtree(path, ignore_errors=True)

    def _compare_environment(self) -> None:
        now = run_environment()
        before = _read_settings(self.environment)
        changes = [f"{name}: {before.get(name)} -> {value}" for name, value in now.items() if before.get(name) != value]
        if changes:
            LOGGER.warning("this run began elsewhere (%s): its bits may differ from now on", "; ".join(changes))


def is_in_use(folder: Path) -> bool:
    """Returns whether a process holds a run folder at the moment.

    Args:
        folder: The run folder.
    """
    try:
        with open(folder / "lock", encoding="utf-8") as lock_file:
            fcntl.flock(lock_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def has_only_begun(folder: Path) -> bool:
    """Returns whether a folder holds no run that has kept a step: no folder, settings and records alone.

    Args:
        folder: The run folder; that of several searches counts with the folders of its seeds.
    """
    if not folder.is_dir():
        return True
    written = _records_of_the_beginning(folder)
    records = {name for record in written for name in (record, temporary_name(Path(record)).name)}
    return all(
        entry.name in FILES_OF_THE_BEGINNING | FOLDERS_OF_THE_BEGINNING | records
        or (entry.name.startswith(SEED_FOLDER) and entry.is_dir() and has_only_begun(entry))
        for entry in folder.iterdir()
    )


def _records_of_the_beginning(folder: Path) -> tuple[str, ...]:
    """Returns the names of the records that the run in a folder writes before its first step."""
    try:
        kind = _read_settings(folder / "config.json").get("kind")
    except RunDirectoryError:
        kind = None
    is_training = kind == EvaluationConfig.__name__
    return (*RECORDS_OF_THE_BEGINNING, TRAINED_CELLS) if is_training else RECORDS_OF_THE_BEGINNING


def usual_settings(kind: type[RunConfig], stored: dict[str, Any]) -> dict[str, Any]:
    """Returns all settings of a run by those that an earlier version stored: the others are derived from them.

    Args:
        kind: The kind of settings.
        stored: The run's stored settings.
    """
    try:
        return config_of(kind, stored).result_settings()
    except (ConfigurationError, TypeError):  # The comparison names what differs.
        return {}


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunDirectoryError(f"{path} cannot be read ({error}); name another --run_dir") from None
    if not isinstance(content, dict):
        raise RunDirectoryError(f"{path} holds no settings; name another --run_dir")
    return content


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
