"""What stands around a search's algorithm: run folder, signals, devices, images, networks, records, checkpoints."""

import contextlib
import dataclasses
import functools
import gc
import json
import logging
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.augmentation import channel_statistics
from eoinas_tf.data.class_weights import class_weights, loss_factors
from eoinas_tf.data.dataset_fingerprint import dataset_digest
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.data.input_pipelines import Preprocessing, search_batches, steps_per_epoch
from eoinas_tf.data.split_indices import class_balanced_halves
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.distribution.worker import this_worker
from eoinas_tf.experiment.checkpointing import Checkpoints
from eoinas_tf.experiment.class_weight_record import keep_class_weights
from eoinas_tf.experiment.progress import Progress
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.step_saves import StepSaves
from eoinas_tf.memory_exhaustion import named_memory_exhaustion
from eoinas_tf.optimization.precision import computing_in
from eoinas_tf.random_seeds import initial_weights_seed, purpose_number
from eoinas_tf.search.derived_cell_accuracy import derived_cell_accuracy
from eoinas_tf.search.discretization import DerivedCells
from eoinas_tf.search.graph_rewriting import rewriting_where_it_pays
from eoinas_tf.search.scoring_order import scoring_batches
from eoinas_tf.search.search_images import load_search_images
from eoinas_tf.search.search_journal import SearchJournal
from eoinas_tf.search.search_method import Evidence, SearchProblem, load_method
from eoinas_tf.search.search_records import metrics_record
from eoinas_tf.search.search_step import SearchStep, build_search_state
from eoinas_tf.space.operations import candidate_names, import_operations
from eoinas_tf.stop_signals import StopSignals

LOGGER = logging.getLogger(__name__)


class SearchSession:
    """One search in its run folder, from its first epoch that is left to its cells.

    Attributes:
        finished_summary: What summary.json holds where the search is finished already; else None.
        method: The search method.
        step: The two updates, on the network of the current stage.
        progress: Shows how far the search is.
        saves: Saves within epochs and when the run is asked to stop.

    Args:
        config: The search's settings.
        dataset: The images, where they are in memory already; those that the settings name where not given.

    Raises:
        EoinasError: The settings make no search, the data cannot be read, the run folder cannot be used, the memory
            does not suffice, or SIGTERM, SIGINT or SIGHUP stopped the run.
    """

    def __init__(self, config: SearchConfig, dataset: ImageDataset | None = None) -> None:
        self.config = config
        self._given_dataset = dataset
        self._method_class = load_method(config.method)
        self._warnings = self._method_class.check(config)
        for warning in self._warnings:
            LOGGER.warning(warning)
        self.finished_summary: dict[str, Any] | None = None
        self._around = contextlib.ExitStack()
        self._stage: int | None = None

    def __enter__(self) -> "SearchSession":
        """Opens the folder and prepares everything up to the first step."""
        with contextlib.ExitStack() as around:
            self._stop = around.enter_context(StopSignals())
            around.enter_context(named_memory_exhaustion("--batch_size, --init_channels or --cells"))
            self.run = around.enter_context(RunDirectory(self.config, this_worker(self.config.strategy).is_chief))
            self._stages = self._method_class.stages(self.config)
            if self.run.summary.exists():
                if self._stages:
                    # Refuses other images than the search's own.
                    load_search_images(self.config, self.run, self._given_dataset)
                print(f"{self.run.path} is finished: its cell is in {self.run.genotype}")
                if self.run.is_writer and not self.run.report.exists():
                    # A kill came before it, or the search is an earlier version's.
                    from eoinas_tf.experiment.report.report_page import write_report

                    write_report(self.run.path)
                self.finished_summary = json.loads(self.run.summary.read_text(encoding="utf-8"))
            else:
                self._prepare(around)
            self._around = around.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Closes the folder and gives signals back."""
        return self._around.__exit__(kind, exception, traceback)

    def _prepare(self, around: contextlib.ExitStack) -> None:
        config = self.config
        import_operations(config.operation_modules or ())
        operation_names = candidate_names(config.operations)
        self.replicas = Replicas.of(config)
        self._stop.listen()
        around.enter_context(computing_in(config.mixed_precision))
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        # Where nothing is trained, no image is needed.
        self.epoch_steps = 0
        if self._stages:
            self.epoch_steps = steps_per_epoch(min(map(len, self.halves)), config.batch_size)
            around.enter_context(
                rewriting_where_it_pays(self.dataset.image_shape, config.init_channels, config.batch_size)
            )
        with self.replicas.strategy.scope():
            self.method = self._method_class(SearchProblem(config, operation_names, self.epoch_steps))
        variables: dict[str, list] = self.method.state()
        if self._stages:
            self._build_stage(self._saved_stage())
            variables = self.step.state.variables()
        self._journal = SearchJournal(self.run, config, self.method, variables, self.epoch_steps)
        finished = self._journal.finished_steps
        digest = dataset_digest(self.dataset) if self._stages else ""
        self.replicas.check_agreement(
            "settings, finished steps and images", f"{config.result_settings()} {finished} {digest}"
        )
        self.progress = Progress(self.total_epochs * self.epoch_steps)
        if self._stages:
            self.progress.say(self.dataset.counts)
        if finished:
            self.progress.say(
                f"{self.run.path}: continuing after epoch {self._journal.finished_epochs} of {self.total_epochs}, step "
                f"{finished}"
            )
        self.saves = StepSaves(config, self._stop, self._save_step, self.replicas.is_any)

    @functools.cached_property
    def dataset(self):
        """The images with their labels."""
        return load_search_images(self.config, self.run, self._given_dataset)

    @functools.cached_property
    def class_factors(self) -> np.ndarray | None:
        """What an image's loss is multiplied by, by its class; None: nothing."""
        weights = class_weights(self.config.class_weights, self.dataset)
        keep_class_weights(self.run, weights)
        return loss_factors(weights, self.dataset)

    @functools.cached_property
    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the training images that make D_T and D_V."""
        return class_balanced_halves(self.dataset.train.labels, self.config.split_seed)

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        """Augmentation and normalization of images."""
        statistics = channel_statistics(self.dataset.train)
        return Preprocessing(*statistics, self.config.crop_padding, self.config.horizontal_flip)

    @property
    def total_epochs(self) -> int:
        """Epochs of all stages."""
        return sum(stage.epochs for stage in self._stages)

    def epochs_left(self) -> range:
        """Returns the epochs, counted from 1, that are not finished."""
        return range(self._journal.finished_epochs + 1, self.total_epochs + 1)

    @contextlib.contextmanager
    def epoch(self, epoch: int) -> Iterator["SearchEpoch"]:
        """Prepares an epoch; while it lasts, a signal waits for what saves.

        Args:
            epoch: The epoch, counted from 1.

        Yields:
            The epoch's batches and what follows it.
        """
        self._enter_stage(epoch)
        first_step = max((epoch - 1) * self.epoch_steps, self._journal.finished_steps)
        batches = search_batches(
            self.dataset.train,
            self.halves,
            self.preprocessing,
            batch_size=self.config.batch_size,
            epoch=epoch,
            seed=self.config.seed,
            first_step=first_step - (epoch - 1) * self.epoch_steps,
            rows=self.replicas.worker_rows(self.config.batch_size),
        )
        with self._stop.finishing():
            if first_step == (epoch - 1) * self.epoch_steps:
                self.step.state.reset_results()
            searches = not self.method.is_warmup(epoch)
            yield SearchEpoch(epoch, self.total_epochs, batches, first_step, self.method.schedule(epoch), searches)

    def write_epoch(self, epoch: "SearchEpoch", evidence: Evidence, dropped: np.ndarray, timing: dict) -> None:
        """Writes an epoch down and saves where it is due.

        Args:
            epoch: The epoch.
            evidence: What the method knew before the drops.
            dropped: What was dropped, bool [cell types, edges, operations].
            timing: Clock readings.

        Raises:
            NonFiniteError: A loss or gradient of the epoch was NaN or infinite.
            StoppedError: The run was asked to stop, and is saved.
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
        is_last = epoch.number in self._stage_ends()
        self._journal.add_epoch(record, epoch.schedule, evidence, dropped, timing, is_last)
        self.saves.after_epoch(epoch.number * self.epoch_steps)

    @property
    def drop_epochs(self) -> np.ndarray:
        """Epoch at whose end each operation was dropped, int64 [cell types, edges, operations]; 0: living."""
        return self._journal.drop_epochs

    @property
    def source(self) -> str:
        """Where the cells come from, for the genotype."""
        if not self._stages:
            return f"{self.method.title}, nothing trained, seed {self.config.seed}"
        return f"{self.method.title} search on {self.dataset.name}, seed {self.config.seed}"

    def cell_accuracy(self, operation_index: np.ndarray) -> float:
        """Returns the accuracy of a sub-network of the super network on all of D_V, a fraction.

        Args:
            operation_index: The sub-network, int32 [cell types, edges].
        """
        validation = scoring_batches(
            self.dataset.train, self.preprocessing, batch_size=self.config.batch_size, indices=self.halves[1]
        )
        return derived_cell_accuracy(self.step, operation_index, validation)

    def finish(self, cells: DerivedCells, evidence: Evidence) -> dict[str, Any]:
        """Scores the derived cells and writes what the search found.

        Args:
            cells: The derived cells.
            evidence: What the method knows after the last drop.

        Returns:
            What summary.json holds.
        """
        accuracy = self.cell_accuracy(cells.operation_index) if self._stages else None
        cells = dataclasses.replace(cells, warnings=(*self._warnings, *cells.warnings))
        summary = self._journal.finish(cells, evidence, accuracy)
        if accuracy is None:
            of_accuracy = "; no network was trained and no image was read, so that nothing ranks it"
        else:
            of_accuracy = (
                f"; {100 * accuracy:.2f} % of the validation half in its own super network, which ranks searches and "
                "is not the final network's accuracy"
            )
        self.progress.say(f"found {self.run.genotype}; pictures in {self.run.plots}{of_accuracy}")
        return summary

    def _save_step(self, done: int) -> None:
        self.step.state.check_finite(self._journal.current_epoch)
        self._journal.save_step(done)

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
            # Graphs refer to themselves in circles: those of the stage before would stay beside the new ones.
            del self.step
            gc.collect()
            self._build_stage(stage)
            self._journal.keep_variables(self.step.state.variables())
            self.progress.forget_pace()

    def _build_stage(self, stage: int) -> None:
        """Builds a stage's network with its optimizer and steps, and prepares the method for it."""
        seed = self.config.seed if stage == 0 else purpose_number(self.config.seed, f"weights of stage {stage}") % 2**32
        with initial_weights_seed(seed), self.replicas.strategy.scope():
            state = build_search_state(
                self.method, self._stages[stage], self.dataset.image_shape, self.dataset.num_classes
            )
            self.method.begin_stage(stage)
        self.step = SearchStep(state, self.replicas, self.class_factors)
        self._stage = stage


@dataclasses.dataclass(frozen=True)
class SearchEpoch:
    """One epoch of a search.

    Args:
        number: The epoch, counted from 1.
        total: Epochs of the search.
        batches: Yields a pair of batches an iteration, those that are done left out.
        first_step: Global number of the first iteration of `batches`, counted from 0.
        schedule: What follows the epoch, such as the temperature.
        searches: Whether the warm-up is over.
    """

    number: int
    total: int
    batches: tf.data.Dataset
    first_step: int
    schedule: dict[str, float]
    searches: bool
