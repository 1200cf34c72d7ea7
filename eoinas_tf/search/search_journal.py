"""What a search keeps in its run folder, and how it continues from there."""

import logging

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.atomic_files import write_json, write_text
from eoinas_tf.experiment.checkpointing import Checkpoints
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.search_plots import write_search_plots
from eoinas_tf.experiment.tensorboard_logging import TensorBoardLogger
from eoinas_tf.resource_usage import peak_memory_gib
from eoinas_tf.search.discretization import DerivedCells
from eoinas_tf.search.judgement import Judgement
from eoinas_tf.search.search_records import EDGE_NAMES, count_skip_connections, log_epoch, log_living_cells
from eoinas_tf.search.search_step import SearchState

LOGGER = logging.getLogger(__name__)


class SearchJournal:
    """Writes down each epoch; at the start it restores the newest checkpoint and cuts the logs back to it.

    Args:
        run: The open run folder.
        config: The search's settings.
        state: The search's state, restored in place if there is a checkpoint.

    Raises:
        StorageError: The run has logs or checkpoints, and none can be continued from.
    """

    def __init__(self, run: RunDirectory, config: SearchConfig, state: SearchState) -> None:
        self.run = run
        self.config = config
        self.state = state
        self.operation_names = state.network.operation_names
        self._metrics, self._drops, self._timing = map(JsonLines, (run.metrics, run.pruning, run.timing))
        self._checkpoints = Checkpoints(run.checkpoints, state.variables(), config.keep_checkpoints)
        restored = self._checkpoints.restore_latest()
        self.finished_epochs: int = restored["epoch"] if restored else 0
        logged_epochs = len(self._metrics.read())
        if restored is None and logged_epochs > config.checkpoint_every_epochs:
            raise StorageError(
                f"{run.metrics} holds {logged_epochs} epochs, but {run.checkpoints} has no checkpoint; put it back, or "
                "name another --run_dir to start over"
            )
        self.metrics = self._metrics.keep(lambda record: record["epoch"] <= self.finished_epochs)
        self.drops = self._drops.keep(lambda record: record["epoch"] <= self.finished_epochs)
        if len(self.metrics) != self.finished_epochs:
            raise StorageError(
                f"{run.metrics} holds {len(self.metrics)} epochs and the checkpoint {self.finished_epochs}; "
                "to start over, name another --run_dir"
            )
        self.tensorboard = TensorBoardLogger(run.tensorboard, config.tensorboard, self.finished_epochs)
        if not restored:
            self.tensorboard.hyperparameters(config.result_settings())

    def add_epoch(self, record: dict, drops: list[dict], judgement: Judgement, timing: dict) -> None:
        """Writes an epoch's line, its drops, its curves, and a checkpoint if one is due.

        Args:
            record: The epoch's line of metrics.jsonl.
            drops: Its lines of pruning.jsonl.
            judgement: What the search thinks of the operations, before the drops.
            timing: Its line of timing.jsonl: clock readings, kept apart so that the other
                files are the same in every run of the same settings.
        """
        epoch = record["epoch"]
        self._metrics.append(record)
        for drop in drops:
            self._drops.append(drop)
        self._timing.append({"epoch": epoch, **timing, "peak_memory_gib": round(peak_memory_gib(), 3)})
        self.metrics.append(record)
        self.drops.extend(drops)
        log_epoch(
            self.tensorboard, record, timing["images_per_second"], judgement.operation_logits, self.operation_names
        )
        if drops:
            living = self.state.network.living_operations.numpy()
            log_living_cells(self.tensorboard, epoch, living, self.operation_names)
        if epoch % self.config.checkpoint_every_epochs == 0 or epoch == self.config.epochs:
            self._checkpoints.save(epoch, {"epoch": epoch})

    def finish(self, cells: DerivedCells, validation_accuracy: float) -> dict:
        """Writes genotype.json, the pictures and summary.json.

        Args:
            cells: The derived cells.
            validation_accuracy: Their accuracy in their own super network on all of D_V, a fraction.

        Returns:
            What summary.json holds.
        """
        for warning in cells.warnings:
            LOGGER.warning(warning)
        genotype = cells.genotype
        write_text(self.run.genotype, genotype.to_json())
        found = {"normal": genotype.normal, "reduce": genotype.reduce}
        write_search_plots(self.run.plots, self.metrics, self.drops, found, self.operation_names, EDGE_NAMES)
        summary = {
            "dataset": self.config.dataset,
            "seed": self.config.seed,
            "epochs": self.config.epochs,
            "validation_accuracy": validation_accuracy,
            "dropped_operations": len(self.drops),
            "operations_left_at_most_on_an_edge": int(self.state.network.living_operations.numpy().sum(axis=-1).max()),
            "skip_connections": count_skip_connections(genotype),
            "warnings": list(cells.warnings),
        }
        self.tensorboard.scalars(self.config.epochs, {"result/validation_accuracy": validation_accuracy})
        self.tensorboard.close()
        write_json(self.run.summary, summary)
        return summary
