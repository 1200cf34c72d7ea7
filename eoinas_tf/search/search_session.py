"""The parts of a search around its algorithm: images, networks, records and checkpoints."""

import contextlib
import dataclasses
import functools
import gc
import json
import logging
import time
from typing import Any

import numpy as np

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.augmentation import channel_statistics
from eoinas_tf.data.dataset_fingerprint import dataset_digest
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.data.input_pipelines import Preprocessing, SearchBatches, steps_per_epoch
from eoinas_tf.data.split_indices import class_balanced_halves
from eoinas_tf.experiment.checkpointing import Checkpoints
from eoinas_tf.kernels.graph_rewriting import rewriting_where_it_pays
from eoinas_tf.random_seeds import initial_weights_seed, purpose_number
from eoinas_tf.search.architecture_step_time import architecture_step_seconds
from eoinas_tf.search.derived_cell_accuracy import derived_cell_accuracy
from eoinas_tf.search.discretization import DerivedCells
from eoinas_tf.search.scoring_order import scoring_batches
from eoinas_tf.search.search_console import (
    ARCHITECTURE_STEP,
    EPOCH_TITLES,
    WEIGHT_STEP,
    dropped_text,
    epoch_values,
    search_header,
    search_result,
)
from eoinas_tf.search.search_images import load_search_images
from eoinas_tf.search.search_journal import SearchJournal
from eoinas_tf.search.search_method import Evidence, SearchProblem, load_method
from eoinas_tf.search.search_records import metrics_record
from eoinas_tf.search.search_schedule import is_refused
from eoinas_tf.search.search_step import SearchStep, build_search_state
from eoinas_tf.space.candidate_names import candidate_names
from eoinas_tf.space.operation_check import check_own_operations
from eoinas_tf.space.operation_modules import import_operations
from eoinas_tf.training.epoch_steps import Epoch
from eoinas_tf.training.epoch_table import EpochTable
from eoinas_tf.training.run_session import RunSession
from eoinas_tf.training.step_pace import Stretch

LOGGER = logging.getLogger(__name__)


class SearchSession(RunSession):
    """One search in its run folder, from the first epoch left to run to its cells.

    Attributes:
        finished_summary: The contents of summary.json if the search is already finished; else None.
        method: The search method.
        step: The two updates, on the network of the current stage.

    Args:
        config: The search's settings.
        dataset: The images, if already in memory; by default those that the settings name.

    Raises:
        EoinasError: The settings make no search, the data cannot be read, the run folder cannot be used, the memory
            does not suffice, or SIGTERM, SIGINT or SIGHUP stopped the run.
    """

    config: SearchConfig

    def __init__(self, config: SearchConfig, dataset: ImageDataset | None = None) -> None:
        super().__init__(config, "--batch_size, --init_channels or --cells")
        self._given_dataset = dataset
        self._method_class = load_method(config.method)
        self._warnings = self._method_class.check(config)
        for warning in self._warnings:
            LOGGER.warning(warning)
        self.finished_summary: dict[str, Any] | None = None
        # Clock readings of the cells scored so far.
        self._scoring_seconds: list[float] = []
        self._stage: int | None = None
        self._epoch: SearchEpoch | None = None

    def _open(self, around: contextlib.ExitStack) -> None:
        self._stages = self._method_class.stages(self.config)
        if not self.run.summary.exists():
            self._prepare(around)
            return
        if self._stages:
            # Refuses images other than the search's own.
            load_search_images(self.config, self.run, self._given_dataset)
        print(f"{self.run.path} is finished: its cell is in {self.run.genotype}")
        if self.run.is_writer and not self.run.report.exists():
            # The run was killed before writing it, or an earlier version ran the search.
            from eoinas_tf.experiment.report.report_page import write_report

            write_report(self.run.path)
        self.finished_summary = json.loads(self.run.summary.read_text(encoding="utf-8"))

    def _prepare(self, around: contextlib.ExitStack) -> None:
        config = self.config
        import_operations(config.operation_modules)
        operation_names = candidate_names(config.operations, config.max_skip_connections)
        self._start_devices(around)
        check_own_operations(operation_names, in_supernet=bool(self._stages))
        # Where nothing is trained, no image is needed.
        if self._stages:
            self.total_epochs = sum(stage.epochs for stage in self._stages)
            images = min(map(len, self.halves))
            self.epoch_steps = steps_per_epoch(images, config.batch_size, config.steps_per_epoch)
            around.enter_context(
                rewriting_where_it_pays(self.dataset.image_shape, config.init_channels, config.batch_size)
            )
        with self.replicas.strategy.scope():
            self.method = self._method_class(SearchProblem(config, operation_names, self.epoch_steps))
        variables: dict[str, list] = self.method.state()
        if self._stages:
            self._factors = self._class_factors(self.dataset)
            _ = self.preprocessing  # It reads images, which a signal may end at once here, but not between two steps.
            self._build_stage(self._saved_stage())
            variables = self.step.state.variables()
        self._journal = SearchJournal(self.run, config, self.method, variables, self.epoch_steps)
        digest = dataset_digest(self.dataset) if self._stages else ""
        self._begin(self._journal, self._stretches(), digest, self._header, self._measure_architecture_step)
        self._table = EpochTable(self.progress, EPOCH_TITLES)

    def _header(self) -> tuple[str, ...]:
        if not self._stages:
            return ()
        network = self.step.state.network
        return search_header(self.config, self.dataset, self.halves, network, self.method, self.total_epochs)

    def _stretches(self) -> list[Stretch]:
        """Returns the stretches of consecutive epochs with, or without, architecture steps."""
        stretches: list[Stretch] = []
        for epoch in range(1, self.total_epochs + 1):
            searches = self.method.has_architecture_steps and not self.method.is_warmup(epoch)
            kinds = (WEIGHT_STEP, ARCHITECTURE_STEP) if searches else (WEIGHT_STEP,)
            if stretches and stretches[-1].kinds == kinds:
                stretches.pop()
            stretches.append(Stretch(kinds, epoch * self.epoch_steps))
        return stretches

    def _measure_architecture_step(self) -> None:
        """Measures an architecture step, as a warm-up has none to measure."""
        if self._epoch is not None and self.method.has_architecture_steps:
            seconds = architecture_step_seconds(self.step, self._epoch, self._epoch.schedule)
            self.progress.pace.measured_alone(ARCHITECTURE_STEP, seconds)

    @functools.cached_property
    def dataset(self):
        """The images with their labels."""
        return load_search_images(self.config, self.run, self._given_dataset)

    @functools.cached_property
    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the training images that make D_T and D_V."""
        return class_balanced_halves(self.dataset.train.labels, self.config.split_seed)

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        """Augmentation and normalization of images."""
        statistics = channel_statistics(self.dataset.train)
        return Preprocessing(*statistics, self.config.crop_padding, self.config.horizontal_flip)

    @functools.cached_property
    def _batches(self) -> SearchBatches:
        return SearchBatches(
            self.dataset.train,
            self.halves,
            self.preprocessing,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
            steps=self.epoch_steps,
            rows=self.replicas.worker_rows(self.config.batch_size),
        )

    def epoch(self, epoch: int) -> "SearchEpoch":
        """Prepares an epoch.

        Args:
            epoch: The epoch, counted from 1.

        Returns:
            The epoch's batches and schedule values.
        """
        self._enter_stage(epoch)
        first_step = self.first_step_of(epoch)
        batches = self._batches.epoch(epoch, first_step - (epoch - 1) * self.epoch_steps)
        schedule, searches = self.method.schedule(epoch), not self.method.is_warmup(epoch)
        if first_step == (epoch - 1) * self.epoch_steps:
            self.step.state.reset_results()
        self._epoch = SearchEpoch(
            epoch, self.total_epochs, batches, first_step, schedule, searches, run_end=self.last_step
        )
        return self._epoch

    def write_epoch(self, epoch: "SearchEpoch", evidence: Evidence, dropped: np.ndarray, timing: dict) -> None:
        """Records an epoch, and saves a checkpoint if one is due.

        Args:
            epoch: The epoch.
            evidence: What the method knew before the drops.
            dropped: The dropped operations, bool [cell types, edges, operations].
            timing: Clock readings.

        Raises:
            NonFiniteError: A loss or gradient of the epoch was NaN or infinite.
            StoppedError: The run was asked to stop, and its state is saved.
        """
        state = self.step.state
        record = metrics_record(
            epoch.number,
            epoch.schedule,
            float(state.weights.optimizer.learning_rate),
            state.weight_results.means(epoch.number),
            state.architecture_results.means(epoch.number),
            evidence,
            self.method.problem.operation_names,
        )
        is_last = epoch.number in self._stage_ends() or self.is_last(epoch)
        self._journal.add_epoch(record, epoch.schedule, evidence, dropped, timing, is_last)
        left = self.progress.time_left(epoch.number * self.epoch_steps)
        self._table.add(epoch_values(record, self.total_epochs, timing, dropped, left))
        if dropped.any():
            self.progress.say(dropped_text(dropped, self.method.problem.operation_names))
        self.saves.after_epoch(epoch.number * self.epoch_steps)

    @property
    def drop_epochs(self) -> np.ndarray:
        """Epoch at whose end each operation was dropped, int64 [cell types, edges, operations]; 0: living."""
        return self._journal.drop_epochs

    @property
    def source(self) -> str:
        """The origin of the cells, for the genotype."""
        if not self._stages:
            return f"{self.method.title}, nothing trained, seed {self.config.seed}"
        return f"{self.method.title} search on {self.dataset.name}, seed {self.config.seed}"

    def cell_accuracy(self, operation_index: np.ndarray) -> float:
        """Returns the accuracy of a sub-network of the super network on all of D_V, a fraction.

        Args:
            operation_index: The sub-network, int32 [cell types, edges].
        """
        began = time.monotonic()
        validation = scoring_batches(
            self.dataset.train, self.preprocessing, batch_size=self.config.batch_size, indices=self.halves[1]
        )
        accuracy = derived_cell_accuracy(self.step, operation_index, validation)
        self._scoring_seconds.append(time.monotonic() - began)
        return accuracy

    def finish(self, cells: DerivedCells, evidence: Evidence) -> dict[str, Any]:
        """Scores the derived cells and writes the search's results.

        Args:
            cells: The derived cells.
            evidence: What the method knows after the last drop.

        Returns:
            The contents of summary.json.
        """
        if self._stages:
            self.progress.doing(f"testing the found cell on {len(self.halves[1])} images", stays=True)
        accuracy = self.cell_accuracy(cells.operation_index) if self._stages else None
        cells = dataclasses.replace(cells, warnings=(*self._warnings, *cells.warnings))
        self._journal.add_scoring(self._scoring_seconds)
        self.progress.doing("drawing", stays=True)
        summary = self._journal.finish(cells, evidence, accuracy)
        if self.run.is_writer:
            self.progress.say("")
            self.progress.result(search_result(self.run, summary))
        return summary

    def _continues(self) -> bool:
        return self.config.pruning_every_epochs is None or not is_refused(self.config)

    def _save_step(self, done: int, epoch_began: float | None) -> None:
        self.step.state.check_finite(self._journal.current_epoch)
        self._journal.save_step(done, epoch_began)

    def _stage_ends(self) -> list[int]:
        """Returns the last epoch of each stage."""
        return np.cumsum([stage.epochs for stage in self._stages]).tolist()

    def _stage_of(self, epoch: int) -> int:
        return next(stage for stage, end in enumerate(self._stage_ends()) if epoch <= end)

    def _saved_stage(self) -> int:
        """Returns the stage whose network the newest checkpoint holds."""
        if len(self._stages) == 1:
            return 0
        saved = Checkpoints(self.run.checkpoints, {}).latest_state()
        if saved is None:
            return 0
        within = saved["step"] > saved["epoch"] * self.epoch_steps
        return self._stage_of(max(1, saved["epoch"] + within))

    def _enter_stage(self, epoch: int) -> None:
        stage = self._stage_of(epoch)
        if stage != self._stage:
            # Graphs contain reference cycles: without this, the previous stage's would stay in memory beside the new
            # ones.
            del self.step
            gc.collect()
            self._build_stage(stage)
            self._journal.keep_variables(self.step.state.variables())
            self.progress.pace.forget()

    def _build_stage(self, stage: int) -> None:
        """Builds a stage's network with its optimizer and steps, and prepares the method for it."""
        seed = self.config.seed if stage == 0 else purpose_number(self.config.seed, f"weights of stage {stage}") % 2**32
        with initial_weights_seed(seed), self.replicas.strategy.scope():
            state = build_search_state(
                self.method, self._stages[stage], self.dataset.image_shape, self.dataset.num_classes
            )
            self.method.begin_stage(stage)
        self.step = SearchStep(state, self.replicas, self._factors)
        self._stage = stage


@dataclasses.dataclass(frozen=True)
class SearchEpoch(Epoch):
    """One epoch of a search; its batches are pairs of a D_T and a D_V mini-batch.

    Args:
        schedule: The epoch's schedule values, such as the temperature.
        searches: Whether the warm-up is over.
    """

    schedule: dict[str, float]
    searches: bool
