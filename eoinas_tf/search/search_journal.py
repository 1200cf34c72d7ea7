"""What a search keeps in its run folder, and how it continues from there."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eoinas_tf.config import SearchConfig
from eoinas_tf.experiment.atomic_files import write_json, write_text
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.experiment.report.run_record import SCORED_CELLS
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.fault_points import fault_point
from eoinas_tf.search.discretization import DerivedCells
from eoinas_tf.search.search_method import Evidence, SearchMethod
from eoinas_tf.search.search_records import (
    CHARTS,
    EDGE_NAMES,
    count_skip_connections,
    drop_epochs,
    drop_records,
    evidence_record,
    log_epoch,
    log_found_cells,
)
from eoinas_tf.training.epoch_log import EpochLog

LOGGER = logging.getLogger(__name__)


class SearchJournal:
    """Writes each epoch to the run folder; on opening, restores the newest checkpoint and truncates the logs to it.

    Args:
        run: The open run folder.
        config: The search's settings.
        method: The search method.
        variables: All variables of the search by owner, restored in place if there is a checkpoint.
        epoch_steps: Steps of an epoch.

    Raises:
        StorageError: The run has logs or checkpoints, but no checkpoint to continue from.
    """

    def __init__(
        self,
        run: RunDirectory,
        config: SearchConfig,
        method: SearchMethod,
        variables: Mapping[str, list],
        epoch_steps: int,
    ) -> None:
        self.run = run
        self.config = config
        self.method = method
        self.operation_names = method.problem.operation_names
        self._log = EpochLog(run, config, variables, epoch_steps)
        self.finished_epochs = self._log.finished_epochs
        self.finished_steps = self._log.finished_steps
        if not self.finished_epochs:
            self._log.tensorboard.layout(CHARTS)
        self._drop_lines = JsonLines(run.pruning)
        self._drops = self._log.keep_finished(self._drop_lines)

    def keep_variables(self, variables: Mapping[str, list]) -> None:
        """Saves other variables from now on: those of a new stage.

        Args:
            variables: All variables of the search by owner.
        """
        self._log.keep_variables(variables)

    def add_epoch(
        self,
        record: dict[str, Any],
        schedule: Mapping[str, float],
        evidence: Evidence,
        dropped: np.ndarray,
        timing: dict[str, float],
        is_last: bool,
    ) -> None:
        """Writes an epoch's line, its drops, its curves, and a checkpoint if one is due.

        Args:
            record: The epoch's line of metrics.jsonl.
            schedule: The epoch's schedule values, such as the temperature.
            evidence: What the method knew before the drops.
            dropped: The dropped operations, bool [cell types, edges, operations].
            timing: Its line of timing.jsonl: clock readings, kept apart so that the other files are identical in every
                run with the same settings.
            is_last: Whether to save a checkpoint in any case: at the end of a stage.
        """
        epoch = record["epoch"]
        self._log.add_epoch(record, timing)
        for drop in drop_records(epoch, dropped, evidence, self.operation_names):
            self._log.append(self._drop_lines, drop)
            self._drops.append(drop)
        tensorboard, names = self._log.tensorboard, self.operation_names
        log_epoch(self._log, record, schedule, timing["images_per_second"], evidence, names)
        if dropped.any() and self.config.tensorboard and self.run.is_writer:
            from eoinas_tf.experiment.search_plots import draw_pruning  # Here, so that the start does not wait for it.

            tensorboard.image(epoch, "cells/dropped_operations", draw_pruning(self._drops, names, EDGE_NAMES))
        self._log.save_epoch(epoch, is_last=is_last)

    def save_step(self, done: int, epoch_began: float | None) -> None:
        """Writes a checkpoint within an epoch.

        Args:
            done: Steps done since the run began.
            epoch_began: When this process began the epoch, by `time.monotonic`, if it ends here; for timing.jsonl.
        """
        self._log.save_step(done, epoch_began)

    def add_scoring(self, seconds: Sequence[float]) -> None:
        """Writes how long the scoring of cells took, for timing.jsonl; `random_search` spends much of its time there.

        Args:
            seconds: A clock reading for each scored cell.
        """
        if seconds:
            self._log.add_timing({"epoch": len(self._log.metrics), SCORED_CELLS: len(seconds)}, sum(seconds))

    @property
    def current_epoch(self) -> int:
        """The epoch, counted from 1, that is being run or comes next."""
        return len(self._log.metrics) + 1

    @property
    def drop_epochs(self) -> np.ndarray:
        """Epoch at whose end each operation was dropped, int64 [cell types, edges, operations]; 0: living."""
        return drop_epochs(self._drops, self.operation_names)

    def finish(self, cells: DerivedCells, evidence: Evidence, validation_accuracy: float | None) -> dict[str, Any]:
        """Writes genotype.json, the evidence it was derived from, the pictures, summary.json and report.html.

        Args:
            cells: The derived cells.
            evidence: What the method knows after the last drop.
            validation_accuracy: The cells' accuracy in their own super network on all of D_V, a fraction; None if
                nothing was trained.

        Returns:
            The contents of summary.json.
        """
        genotype = cells.genotype
        summary = {
            "method": self.config.method,
            "dataset": self.config.dataset if self._log.metrics else None,
            "seed": self.config.seed,
            "epochs": self.config.epochs if self._log.metrics else 0,
            "validation_accuracy": validation_accuracy,
            "dropped_operations": len(self._drops),
            "operations_left_at_most_on_an_edge": int(evidence.living_operations.sum(axis=-1).max()),
            "skip_connections": count_skip_connections(genotype),
            "warnings": list(cells.warnings),
        }
        if not self.run.is_writer:
            return summary
        for warning in cells.warnings:
            LOGGER.warning(warning)
        final = {
            "score": evidence.score,
            "labels": self.method.column_labels,
            "edges": list(EDGE_NAMES),
            **evidence_record(evidence, self.operation_names),
        }
        write_json(self.run.final_evidence, final)
        write_text(self.run.genotype, genotype.to_json())
        fault_point("after_genotype", self.config.epochs)
        found = {"normal": genotype.normal, "reduce": genotype.reduce}
        # Here, because importing matplotlib takes a third of a second that the start of a search need not wait for.
        from eoinas_tf.experiment.figure_files import write_figures
        from eoinas_tf.experiment.report.report_page import write_report
        from eoinas_tf.experiment.search_plots import search_figures

        label = self.method.column_labels.get(evidence.score, evidence.score)
        score = (evidence.score, label)
        figures = search_figures(self._log.metrics, self._drops, found, self.operation_names, EDGE_NAMES, score)
        write_figures(self.run.plots, figures)
        result = self._log.new_result_run()
        log_found_cells(result, len(self._log.metrics), genotype, self.operation_names)
        if validation_accuracy is not None:
            result.scalars(len(self._log.metrics), {"result/validation_accuracy": validation_accuracy})
        result.close()
        self._log.close_tensorboard()
        write_json(self.run.summary, summary)
        write_report(self.run.path)
        return summary
