"""The records of every kind of run: metrics and clock readings per epoch, checkpoints, and where to resume."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig, RunConfig, SearchConfig
from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.checkpointing import Checkpoints
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.tensorboard_logging import TensorBoardLogger
from eoinas_tf.fault_points import fault_point
from eoinas_tf.resource_usage import peak_memory_gib

RUN_WORDS = {SearchConfig.__name__: "search", EvaluationConfig.__name__: "training"}
# Next to the curves, a separate run in TensorBoard.
RESULT_RUN = "result"


class EpochLog:
    """Records each epoch; on opening, restores the newest checkpoint and truncates the logs to it.

    If another process writes the run folder, everything is restored from the folder and nothing is written.

    Attributes:
        finished_epochs: Epochs that the restored checkpoint covers; 0 in a new run.
        finished_steps: Steps that it covers; more than those of the finished epochs if it was saved within one.
        metrics: The lines of metrics.jsonl so far.
        tensorboard: TensorBoard's writer, its curves truncated likewise.

    Args:
        run: The open run folder.
        config: The run's settings.
        state: The variables of the run by owner, restored in place if there is a checkpoint.
        epoch_steps: Steps of an epoch.

    Raises:
        StorageError: The run has logs or checkpoints, but no checkpoint to continue from.
    """

    def __init__(
        self,
        run: RunDirectory,
        config: RunConfig,
        state: Mapping[str, Sequence[keras.Variable | tf.Variable]],
        epoch_steps: int,
    ) -> None:
        self._epoch_steps = epoch_steps
        self._is_writer = run.is_writer
        self._every_epochs = config.checkpoint_every_epochs
        self._metrics, self._timing = JsonLines(run.metrics), JsonLines(run.timing)
        self._new_checkpoints = lambda variables: Checkpoints(run.checkpoints, variables, config.keep_checkpoints)
        self._checkpoints = self._new_checkpoints(state)
        first_every_epochs = run.first_settings().get("checkpoint_every_epochs", self._every_epochs)
        restored = self._checkpoints.restore_latest()
        self.finished_epochs: int = restored["epoch"] if restored else 0
        self.finished_steps: int = restored["step"] if restored else 0
        logged_epochs = len(self._metrics.read())
        if restored is None and logged_epochs > first_every_epochs:
            raise StorageError(
                f"{run.metrics} holds {logged_epochs} epochs, but {run.checkpoints} has no checkpoint; put it back, or "
                "name another --run_dir to start over"
            )
        self.metrics = self.keep_finished(self._metrics)
        if restored is None and self._is_writer and first_every_epochs != self._every_epochs:
            run.keep_checkpoint_interval()  # From here on it tells whether there was a checkpoint.
        if len(self.metrics) != self.finished_epochs:
            raise StorageError(
                f"{run.metrics} holds {len(self.metrics)} epochs and the checkpoint {self.finished_epochs}; "
                "to start over, name another --run_dir"
            )
        self.tensorboard = TensorBoardLogger(
            run.tensorboard, config.tensorboard and run.is_writer, self.finished_epochs
        )
        self._run, self._writes_tensorboard = run, config.tensorboard and run.is_writer
        self._curve_runs: dict[str, TensorBoardLogger] = {}
        if not self.finished_epochs:  # Then nothing is kept from an earlier start, not even step 0.
            kind = RUN_WORDS[type(config).__name__]
            self.tensorboard.hyperparameters(config.result_settings(), kind, f"{kind}: {run.path}")

    def curve_run(self, name: str) -> TensorBoardLogger:
        """Returns the logger of curves that TensorBoard shows in one chart with those of other runs, tag by tag.

        Args:
            name: The curves' run, such as `training` or `test`.
        """
        if name not in self._curve_runs:
            self._curve_runs[name] = TensorBoardLogger(
                self._run.tensorboard / name, self._writes_tensorboard, self.finished_epochs
            )
        return self._curve_runs[name]

    def new_result_run(self) -> TensorBoardLogger:
        """Returns the logger of the final results; it replaces what an earlier end wrote."""
        return TensorBoardLogger(self._run.tensorboard / RESULT_RUN, self._writes_tensorboard)

    def close_tensorboard(self) -> None:
        """Closes all curve files."""
        for logger in (self.tensorboard, *self._curve_runs.values()):
            logger.close()

    def keep_variables(self, state: Mapping[str, Sequence[keras.Variable | tf.Variable]]) -> None:
        """Saves other variables from now on.

        Args:
            state: The variables of the run by owner.
        """
        self._checkpoints = self._new_checkpoints(state)

    def keep_finished(self, lines: JsonLines) -> list[dict[str, Any]]:
        """Truncates a log to the finished epochs.

        Args:
            lines: A log whose records have an `epoch`.

        Returns:
            The records kept.
        """
        if self._is_writer:
            return lines.keep(lambda record: record["epoch"] <= self.finished_epochs)
        return [record for record in lines.read() if record["epoch"] <= self.finished_epochs]

    def append(self, lines: JsonLines, record: dict[str, Any]) -> None:
        """Adds a line to a log of the run.

        Args:
            lines: The log.
            record: The line.
        """
        if self._is_writer:
            lines.append(record)

    def add_epoch(self, record: dict[str, Any], timing: Mapping[str, float]) -> None:
        """Writes an epoch's lines.

        Args:
            record: The epoch's line of metrics.jsonl.
            timing: Its line of timing.jsonl: clock readings, kept apart so that the other files are identical in every
                run with the same settings.
        """
        self.append(self._metrics, record)
        fault_point("after_metrics_line", record["epoch"])
        self.append(self._timing, {"epoch": record["epoch"], **timing, "peak_memory_gib": round(peak_memory_gib(), 3)})
        self.metrics.append(record)

    def save_epoch(self, epoch: int, is_last: bool) -> None:
        """Writes a checkpoint if one is due; after it the epoch counts as finished.

        Args:
            epoch: The epoch.
            is_last: Whether the process trains no further epoch; if so, a checkpoint is always due.
        """
        if self._is_writer and (is_last or epoch % self._every_epochs == 0):
            self._save(epoch, epoch * self._epoch_steps)

    def save_step(self, step: int, epoch_began: float | None = None) -> None:
        """Writes a checkpoint within an epoch.

        Args:
            step: Steps done since the run began.
            epoch_began: When this process began the epoch, by `time.monotonic`, if it ends here. Its seconds get a line
                of timing.jsonl, because that of the epoch will hold only those of the process that finishes it.
        """
        if self._is_writer:
            self._save(len(self.metrics), step)
        if epoch_began is not None:
            self.add_timing({"epoch": len(self.metrics) + 1, "step": step}, time.monotonic() - epoch_began)

    def add_timing(self, part: Mapping[str, int], seconds: float) -> None:
        """Writes a line of timing.jsonl about something other than a whole epoch.

        Args:
            part: What took the time, beginning with the `epoch`.
            seconds: Its clock reading.
        """
        self.append(self._timing, {**part, "seconds": round(seconds, 3)})

    def _save(self, epoch: int, step: int) -> None:
        self._checkpoints.save(step, {"epoch": epoch, "step": step})
