"""What the training of a final network keeps in its run folder, and how it continues from there."""

from typing import Any

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.evaluation.epoch_choice import best_epoch
from eoinas_tf.evaluation.evaluation_step import EvaluationState
from eoinas_tf.experiment.atomic_files import write_json, write_text
from eoinas_tf.experiment.curve_plots import draw_curves, final_training_panels
from eoinas_tf.experiment.figure_files import write_figures
from eoinas_tf.experiment.report.report_page import write_report
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.training.epoch_log import EpochLog

# For each TensorBoard run, the tags of the values of metrics.jsonl; runs that share a tag share a chart. The root run
# has no name.
CURVES = {
    "training": {
        "train_cross_entropy": "cross_entropy",
        "train_loss": "loss_with_auxiliary_head_and_label_smoothing",
        "train_accuracy": "accuracy",
    },
    "": {"learning_rate": "schedule/learning_rate", "drop_path": "schedule/drop_path"},
}


def curves_of(part: str) -> dict[str, dict[str, str]]:
    """Returns TensorBoard's curves of each epoch: `CURVES` and those of the images tested at its end.

    Args:
        part: `test` or `validation`, as in the names of metrics.jsonl.
    """
    measured = {
        f"{part}_loss": "cross_entropy",
        f"{part}_accuracy": "accuracy",
        f"{part}_top_5_accuracy": "accuracy_top_5",
    }
    return {"training": CURVES["training"], part: measured, "": CURVES[""]}


def charts_of(part: str) -> dict[str, list[str]]:
    """Returns TensorBoard's charts: for each title, the patterns of its tags.

    Args:
        part: As for `curves_of`.
    """
    return {
        f"cross-entropy of training and {part}": ["^cross_entropy$"],
        f"accuracy of training and {part}": ["^accuracy"],
        "learning rate": ["^schedule/learning_rate$"],
        "drop path": ["^schedule/drop_path$"],
    }


def keep_genotype(run: RunDirectory, config: EvaluationConfig, genotype: Genotype | None) -> None:
    """Keeps a copy of the genotype in the folder of a run that has kept no step, or compares it with an old run's copy.

    Args:
        run: The open run folder.
        config: The settings, for the message.
        genotype: The genotype; None for a network without cells, for which nothing is kept.

    Raises:
        RunDirectoryError: The run began with other cells.
        GenotypeError: The copy cannot be read.
    """
    if not run.is_writer or genotype is None:
        return
    if not run.genotype.exists() or run.only_begun():
        write_text(run.genotype, genotype.to_json())
    elif Genotype.read(run.genotype).cells != genotype.cells:
        raise RunDirectoryError(
            f"--genotype={config.genotype} is not the genotype that the run in {run.path} began with "
            f"({run.genotype}); name another --run_dir"
        )


class EvaluationJournal:
    """Records each epoch; on opening, restores the newest checkpoint and truncates the logs to it.

    Args:
        run: The open run folder.
        config: The settings.
        state: The training's state, restored in place if there is a checkpoint.
        epoch_steps: Steps of an epoch.
        part: The images tested at the end of each epoch, `test` or `validation`.

    Attributes:
        metrics: The lines of metrics.jsonl so far.

    Raises:
        StorageError: The run has logs or checkpoints, but no checkpoint to continue from.
    """

    def __init__(
        self,
        run: RunDirectory,
        config: EvaluationConfig,
        state: EvaluationState,
        epoch_steps: int,
        part: str = "test",
    ) -> None:
        self.run = run
        self.state = state
        self._curves = curves_of(part)
        self._log = EpochLog(run, config, state.variables(), epoch_steps)
        self.finished_epochs = self._log.finished_epochs
        self.finished_steps = self._log.finished_steps
        if not self.finished_epochs:
            self._log.tensorboard.layout(charts_of(part))
        self.metrics = self._log.metrics

    def add_epoch(self, record: dict[str, Any], timing: dict[str, float], is_last: bool) -> None:
        """Writes an epoch's line and curves, and a checkpoint if one is due; keeps the best epoch's weights.

        Args:
            record: The epoch's line of metrics.jsonl.
            timing: Its line of timing.jsonl: clock readings, kept apart so that the other files are identical in every
                run with the same settings.
            is_last: Whether the process trains no further epoch; if so, a checkpoint is always due.
        """
        epoch = record["epoch"]
        self._log.add_epoch(record, timing)
        for part, tags in self._curves.items():
            logger = self._log.curve_run(part) if part else self._log.tensorboard
            logger.scalars(epoch, {tag: record[name] for name, tag in tags.items()})
        self._log.tensorboard.scalars(epoch, {"speed/images_per_second": timing["images_per_second"]})
        if self.state.best is not None and best_epoch(self.metrics) == epoch:
            self.state.best.keep()
        self._log.save_epoch(epoch, is_last)

    def save_step(self, done: int, epoch_began: float | None) -> None:
        """Writes a checkpoint within an epoch, unless a step of it went wrong.

        Args:
            done: Steps done since the run began.
            epoch_began: When this process began the epoch, by `time.monotonic`, if it ends here; for timing.jsonl.

        Raises:
            NonFiniteError: A loss or gradient of the epoch was NaN or infinite.
        """
        self.state.results.check_finite(len(self._log.metrics) + 1)
        self._log.save_step(done, epoch_began)

    def finish(self, summary: dict[str, Any]) -> None:
        """Writes summary.json, the curves' picture and report.html, and closes the logs.

        Args:
            summary: The contents of summary.json.
        """
        result = self._log.new_result_run()
        result.scalars(summary["epochs"], {"result/test_accuracy": summary["test_accuracy"]})
        if self.run.genotype.exists():
            result.text(summary["epochs"], "training/genotype", f"```\n{self.run.genotype.read_text('utf-8')}\n```")
        result.close()
        self._log.close_tensorboard()
        if self.run.is_writer:
            write_figures(self.run.plots, {"training": draw_curves(self.metrics, final_training_panels(self.metrics))})
            write_json(self.run.summary, summary)
            write_report(self.run.path)
