"""What the training of a final network keeps in its run folder, and how it continues from there."""

from typing import Any

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.evaluation.evaluation_step import EvaluationState
from eoinas_tf.experiment.atomic_files import make_folder, write_bytes, write_json, write_text
from eoinas_tf.experiment.cell_drawing import figure_to_png
from eoinas_tf.experiment.curve_plots import draw_curves
from eoinas_tf.experiment.epoch_log import EpochLog
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.space.genotype import Genotype

CURVES = {
    "train_loss": "loss/train",
    "train_cross_entropy": "loss/train_cross_entropy",
    "test_loss": "loss/test",
    "train_accuracy": "accuracy/train",
    "test_accuracy": "accuracy/test",
    "test_top_5_accuracy": "accuracy/test_top_5",
    "learning_rate": "schedule/learning_rate",
    "drop_path": "schedule/drop_path",
}

TRAINING_PANELS = {
    "loss": {
        "train_loss": "training: with the auxiliary head and label smoothing",
        "train_cross_entropy": "training: bare cross-entropy",
        "test_loss": "test: bare cross-entropy",
    },
    "accuracy (fraction)": {
        "train_accuracy": "training",
        "test_accuracy": "test",
        "test_top_5_accuracy": "test, top 5",
    },
    "learning rate": {"learning_rate": ""},
    "drop path probability": {"drop_path": ""},
}


def keep_genotype(run: RunDirectory, config: EvaluationConfig, genotype: Genotype | None) -> None:
    """Keeps a copy of the genotype in a new run's folder, and compares it with that of an old one.

    Args:
        run: The open run folder.
        config: The settings, for the message.
        genotype: The genotype; None for a network that is not made of cells, of which nothing is kept.

    Raises:
        RunDirectoryError: The run began with other cells.
        GenotypeError: The copy cannot be read.
    """
    if not run.is_writer or genotype is None:
        return
    if not run.genotype.exists():
        write_text(run.genotype, genotype.to_json())
    elif Genotype.read(run.genotype) != genotype:
        raise RunDirectoryError(
            f"--genotype={config.genotype} is not the genotype that the run in {run.path} began with "
            f"({run.genotype}); name another --run_dir"
        )


class EvaluationJournal:
    """Writes down each epoch; at the start it restores the newest checkpoint and cuts the logs back to it.

    Args:
        run: The open run folder.
        config: The settings.
        state: The training's state, restored in place if there is a checkpoint.
        epoch_steps: Steps of an epoch.

    Raises:
        StorageError: The run has logs or checkpoints, and none can be continued from.
    """

    def __init__(self, run: RunDirectory, config: EvaluationConfig, state: EvaluationState, epoch_steps: int) -> None:
        self.run = run
        self.state = state
        self._log = EpochLog(run, config, state.variables(), epoch_steps)
        self.finished_epochs = self._log.finished_epochs
        self.finished_steps = self._log.finished_steps

    def add_epoch(self, record: dict[str, Any], timing: dict[str, float], is_last: bool) -> None:
        """Writes an epoch's line, its curves, and a checkpoint if one is due.

        Args:
            record: The epoch's line of metrics.jsonl.
            timing: Its line of timing.jsonl: clock readings, kept apart so that the other
                files are the same in every run of the same settings.
            is_last: Whether the process trains no further epoch; then a checkpoint is always due.
        """
        epoch = record["epoch"]
        self._log.add_epoch(record, timing)
        curves = {tag: record[name] for name, tag in CURVES.items()}
        self._log.tensorboard.scalars(epoch, {**curves, "speed/images_per_second": timing["images_per_second"]})
        self._log.save_epoch(epoch, is_last)

    def save_step(self, done: int) -> None:
        """Writes a checkpoint within an epoch, unless a step of it went wrong.

        Args:
            done: Steps done since the run began.

        Raises:
            NonFiniteError: A loss or gradient of the epoch was NaN or infinite.
        """
        self.state.results.check_finite(len(self._log.metrics) + 1)
        self._log.save_step(done)

    def finish(self, summary: dict[str, Any]) -> None:
        """Writes summary.json and the curves' picture, and closes the logs.

        Args:
            summary: What it holds.
        """
        self._log.tensorboard.scalars(summary["epochs"], {"result/test_accuracy": summary["test_accuracy"]})
        self._log.tensorboard.close()
        if self.run.is_writer:
            make_folder(self.run.plots)
            write_bytes(self.run.plots / "training.png", figure_to_png(draw_curves(self._log.metrics, TRAINING_PANELS)))
            write_json(self.run.summary, summary)
