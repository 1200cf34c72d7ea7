"""What a search keeps in its run folder, and how it continues from there."""

import logging

from eoinas_tf.config import SearchConfig
from eoinas_tf.experiment.atomic_files import write_json, write_text
from eoinas_tf.experiment.epoch_log import EpochLog
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.fault_points import fault_point
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
        epoch_steps: Steps of an epoch.

    Raises:
        StorageError: The run has logs or checkpoints, and none can be continued from.
    """

    def __init__(self, run: RunDirectory, config: SearchConfig, state: SearchState, epoch_steps: int) -> None:
        self.run = run
        self.config = config
        self.state = state
        self.operation_names = state.network.operation_names
        self._log = EpochLog(run, config, state.variables(), epoch_steps)
        self.finished_epochs = self._log.finished_epochs
        self.finished_steps = self._log.finished_steps
        self._drops = JsonLines(run.pruning)
        self.drops = self._log.keep_finished(self._drops)

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
        self._log.add_epoch(record, timing)
        for drop in drops:
            self._log.append(self._drops, drop)
        self.drops.extend(drops)
        tensorboard = self._log.tensorboard
        log_epoch(tensorboard, record, timing["images_per_second"], judgement.operation_logits, self.operation_names)
        if drops:
            living = self.state.network.living_operations.numpy()
            log_living_cells(tensorboard, epoch, living, self.operation_names)
        self._log.save_epoch(epoch, is_last=epoch == self.config.epochs)

    def save_step(self, done: int) -> None:
        """Writes a checkpoint within an epoch, unless a step of it went wrong.

        Args:
            done: Steps done since the run began.

        Raises:
            NonFiniteError: A loss or gradient of the epoch was NaN or infinite.
        """
        self.state.check_finite(len(self._log.metrics) + 1)
        self._log.save_step(done)

    def finish(self, cells: DerivedCells, validation_accuracy: float) -> dict:
        """Writes genotype.json, the pictures and summary.json.

        Args:
            cells: The derived cells.
            validation_accuracy: Their accuracy in their own super network on all of D_V, a fraction.

        Returns:
            What summary.json holds.
        """
        genotype = cells.genotype
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
        if not self.run.is_writer:
            return summary
        for warning in cells.warnings:
            LOGGER.warning(warning)
        write_text(self.run.genotype, genotype.to_json())
        fault_point("after_genotype", self.config.epochs)
        found = {"normal": genotype.normal, "reduce": genotype.reduce}
        # Here, because matplotlib takes a third of a second that the start of a search need not wait for.
        from eoinas_tf.experiment.search_plots import write_search_plots

        write_search_plots(self.run.plots, self._log.metrics, self.drops, found, self.operation_names, EDGE_NAMES)
        self._log.tensorboard.scalars(self.config.epochs, {"result/validation_accuracy": validation_accuracy})
        self._log.tensorboard.close()
        write_json(self.run.summary, summary)
        return summary
