"""The parts of a final training run around its algorithm: images, network, records and exports."""

import contextlib
import functools
import math
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.dataset_fingerprint import dataset_digest, dataset_fingerprint
from eoinas_tf.data.image_datasets import ImageDataset, ImageSplit
from eoinas_tf.data.input_pipelines import Preprocessing, TrainingBatches, steps_per_epoch, test_batches
from eoinas_tf.data.validation_part import with_validation_part
from eoinas_tf.distribution.batch_division import FEWEST_IMAGES
from eoinas_tf.distribution.replicas import short_digest
from eoinas_tf.errors import NonFiniteError
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.epoch_choice import best_epoch, is_stopped
from eoinas_tf.evaluation.evaluation_images import check_cutout, choose_preprocessing, load_images
from eoinas_tf.evaluation.evaluation_journal import EvaluationJournal, keep_genotype
from eoinas_tf.evaluation.evaluation_step import EvaluationStep, TestMeans, build_evaluation_state
from eoinas_tf.evaluation.frozen_backbone import FrozenBackboneStep
from eoinas_tf.evaluation.initial_weights import load_backbone, read_initial_weights
from eoinas_tf.evaluation.latency_budget import kept_within_budgets
from eoinas_tf.evaluation.network_exports import check_exports
from eoinas_tf.evaluation.network_outcome import keep_outcome
from eoinas_tf.evaluation.predictions import collect_predictions
from eoinas_tf.evaluation.testing_time import seconds_to_test
from eoinas_tf.evaluation.training_console import (
    FROZEN_STEP,
    TRAINING_STEP,
    epoch_titles,
    epoch_values,
    stop_message,
    training_header,
    training_result,
)
from eoinas_tf.experiment.dataset_record import keep_dataset
from eoinas_tf.experiment.weight_records import keep_initial_weights
from eoinas_tf.fault_points import fault_point
from eoinas_tf.random_seeds import initial_weights_seed
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_check import check_operations_of_cells
from eoinas_tf.training.epoch_steps import Epoch
from eoinas_tf.training.epoch_table import EpochTable
from eoinas_tf.training.run_session import RunSession
from eoinas_tf.training.step_pace import Stretch


class EvaluationSession(RunSession):
    """One training run of a final network in its run folder, from the first epoch left to run to its exports.

    Attributes:
        step: The training step and the test step.
        dataset: The images with their labels.
        preprocessing: Augmentation and normalization of images.

    Args:
        config: The settings.
        genotype: The cells; None for a network without cells.
        dataset: The images, if already in memory; by default those that the settings name.

    Raises:
        EoinasError: The data cannot be read, the run folder cannot be used, the memory does not suffice, or SIGTERM,
            SIGINT or SIGHUP stopped the run.
    """

    config: EvaluationConfig
    step: EvaluationStep
    dataset: ImageDataset
    preprocessing: Preprocessing

    def __init__(
        self, config: EvaluationConfig, genotype: Genotype | None, dataset: ImageDataset | None = None
    ) -> None:
        super().__init__(config, "--batch_size or --init_channels, or raise --accumulation_steps")
        self._genotype = genotype
        self._given_dataset = dataset

    def _open(self, around: contextlib.ExitStack) -> None:
        config, run = self.config, self.run
        check_exports(run.path, config.export_formats)
        self._start_devices(around, config.accumulation_steps, FEWEST_IMAGES)
        check_operations_of_cells(self._genotype)
        dataset = self.dataset = load_images(config, self._given_dataset)
        check_cutout(config.cutout_length, dataset.image_shape)
        keep_dataset(run, dataset_fingerprint(dataset))
        dataset = self.dataset = with_validation_part(dataset, config.validation_fraction, config.seed)
        class_factors = self._class_factors(dataset)
        weights = read_initial_weights(config, dataset.image_shape[2])
        # Not the weights themselves, which would stay in memory beside the network's own.
        self._weight_record = {} if weights is None else weights.record()
        if weights is not None:
            keep_initial_weights(run, weights.record())
        self._fitted, budget = kept_within_budgets(
            run, config, self._genotype, dataset.image_shape, dataset.num_classes
        )
        keep_genotype(run, config, self._genotype)
        self.preprocessing = choose_preprocessing(config, dataset)
        self.total_epochs = config.epochs
        self.epoch_steps = steps_per_epoch(len(dataset.train), config.batch_size, config.steps_per_epoch)
        # Before the network is built: workers with variables of other shapes would fail in TensorFlow.
        self.replicas.check_agreement("cells", short_digest(None if self._genotype is None else self._genotype.cells))
        # Not earlier, so that a network starts the same whether its width was given or chosen by a budget.
        with initial_weights_seed(config.seed), self.replicas.strategy.scope():
            build = functools.partial(
                build_network, self._fitted, self._genotype, dataset.image_shape, dataset.num_classes
            )
            network = build()
            state = build_evaluation_state(config, network, self.total_steps, build() if config.ema_decay else None)
        if weights is not None:
            load_backbone(weights.network, network)
        self.step = EvaluationStep(state, config, self.total_steps, self.replicas, class_factors)
        self._part = "test" if dataset.validation is None else "validation"
        self._journal = EvaluationJournal(run, config, state, self.epoch_steps, self._part)
        self._begin(
            self._journal,
            self._stretches(),
            dataset_digest(dataset) + ("" if weights is None else f", weights {weights.sha256}"),
            functools.partial(training_header, self._fitted, dataset, network, self.epoch_steps, budget),
            self._measure_test,
        )
        self._end_if_stopped(self._journal.metrics, self._journal.finished_steps)
        self._table = EpochTable(self.progress, epoch_titles(self._part))

    def _stretches(self) -> list[Stretch]:
        """Returns the stretches of epochs with and without a frozen backbone, whose steps take other times."""
        frozen = self.config.freeze_backbone_epochs * self.epoch_steps
        stretches = [Stretch((FROZEN_STEP,), frozen), Stretch((TRAINING_STEP,), self.total_steps)]
        return stretches if frozen else stretches[1:]

    def training_step(self, number: int) -> EvaluationStep:
        """Returns the step for an epoch's training: with a frozen backbone in the first `freeze_backbone_epochs`.

        Args:
            number: The epoch, counted from 1.
        """
        return self._frozen_step if number <= self.config.freeze_backbone_epochs else self.step

    @functools.cached_property
    def _frozen_step(self) -> FrozenBackboneStep:
        step = self.step
        return FrozenBackboneStep(step.state, step.config, step.total_steps, step.replicas, step.class_factors)

    @property
    def _measured(self) -> ImageSplit:
        """The images tested at the end of each epoch: the validation images or, if there are none, the test images."""
        return self.dataset.test if self.dataset.validation is None else self.dataset.validation

    @functools.cached_property
    def tests(self) -> tf.data.Dataset:
        """Batches of all images tested at the end of each epoch: of each batch, this process's part."""
        rows = self.replicas.worker_rows(self.config.batch_size)
        return test_batches(self._measured, self.preprocessing, batch_size=self.config.batch_size, rows=rows)

    @property
    def ends_early(self) -> bool:
        """Whether `max_steps` ends the run before its last step."""
        return super().ends_early and not is_stopped(self._journal.metrics, self.config.early_stopping_epochs)

    def epochs_left(self) -> Iterator[int]:
        """Yields the epochs that are not finished, until `early_stopping_epochs` stops the run or none is left."""
        for number in super().epochs_left():
            # The run stops before this epoch, or within it after the last step that was run. An epoch whose steps are
            # all done, but which a kill kept from being tested, is not finished.
            if self.first_step_of(number) >= self.last_step and number * self.epoch_steps > self.last_step:
                return
            yield number

    def _is_done(self, finished: int) -> bool:
        return super()._is_done(finished) or is_stopped(self._journal.metrics, self.config.early_stopping_epochs)

    def _end_if_stopped(self, metrics: list[dict[str, Any]], done: int) -> bool:
        """Ends the run here if `early_stopping_epochs` stops it after these epochs; returns whether it does."""
        stops = is_stopped(metrics, self.config.early_stopping_epochs)
        if stops:
            self.last_step = done
        return stops

    @functools.cached_property
    def _batches(self) -> TrainingBatches:
        return TrainingBatches(
            self.dataset.train,
            self.preprocessing,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
            steps=self.epoch_steps,
            rows=self.replicas.worker_rows(self.config.batch_size),
        )

    def epoch(self, number: int) -> Epoch:
        """Prepares an epoch.

        Args:
            number: The epoch, counted from 1.

        Returns:
            The epoch's batches.
        """
        epoch_start, first_step = (number - 1) * self.epoch_steps, self.first_step_of(number)
        batches = self._batches.epoch(number, first_step - epoch_start)
        if first_step == epoch_start:
            self.step.state.results.reset()
        return Epoch(number, self.total_epochs, batches, first_step, run_end=self.last_step)

    def test(self, epoch: Epoch) -> TestMeans:
        """Tests the network at the end of an epoch, on the validation images if there are any.

        Args:
            epoch: The epoch.

        Raises:
            NonFiniteError: A loss or gradient of the epoch was NaN or infinite, or the test loss is.
        """
        self.step.state.results.check_finite(epoch.number)
        images = f"{len(self._measured)} {'' if self.dataset.validation is None else 'validation '}images"
        self.progress.doing(f"epoch {epoch.number}/{epoch.total}  testing on {images}")
        means = self.step.test_all(self.tests)
        fault_point("after_test", epoch.number)
        if not math.isfinite(means.loss):
            raise NonFiniteError(
                f"the {self._part} loss became NaN or infinite after step {epoch.last_step} (epoch {epoch.number}), "
                "though the training's is finite: the moving statistics are damaged; lower the learning rate"
            )
        return means

    def write_epoch(self, epoch: Epoch, test_means: TestMeans, timing: dict[str, float]) -> None:
        """Records an epoch, and saves a checkpoint if one is due.

        Args:
            epoch: The epoch.
            test_means: Its results on the test or validation images.
            timing: Clock readings.

        Raises:
            StoppedError: The run was asked to stop, and its state is saved.
        """
        step, done = self.step, epoch.last_step
        train_means = step.state.results.means(epoch.number)
        record = {
            "epoch": epoch.number,
            "train_loss": train_means.loss,
            "train_cross_entropy": step.state.results.mean_cross_entropy(),
            "train_accuracy": train_means.accuracy,
            f"{self._part}_loss": test_means.loss,
            f"{self._part}_accuracy": test_means.accuracy,
            f"{self._part}_top_5_accuracy": test_means.top_5_accuracy,
            "learning_rate": step.state.epoch_learning_rate,
            "drop_path": float(self.training_step(epoch.number).drop_path_probability(tf.constant(done, tf.int64))),
        }
        stops = self._end_if_stopped([*self._journal.metrics, record], done)
        self._journal.add_epoch(record, timing, is_last=self.is_last(epoch))
        self._table.add(epoch_values(record, self._part, self.total_epochs, timing, self.progress.time_left(done)))
        if stops:
            self.progress.say(stop_message(epoch.number, best_epoch(self._journal.metrics)))
        self.saves.after_epoch(done)

    def finish(self) -> dict[str, Any] | None:
        """Tests the trained network, exports it, and writes the summary, even if the run ended early.

        Returns:
            The contents of summary.json; None in a process that only helps another one, which writes the folder.
        """
        self.step.agree_on_statistics()
        if not self.run.is_writer:
            return None
        dataset, network = self.dataset, self.step.state.tested_network
        choice = self._choose_weights()
        self.progress.doing(f"testing on {len(dataset.test)} images", stays=True)
        whole_tests = test_batches(dataset.test, self.preprocessing, batch_size=self.config.batch_size)
        predictions = collect_predictions(network, whole_tests, dataset.num_classes)
        if not math.isfinite(predictions.loss):  # Here for the first time, if other images chose the epoch.
            raise NonFiniteError(
                f"the loss of the test images is {predictions.loss}, though that of the training was finite; train "
                "again without --mixed_precision, or with a lower --learning_rate"
            )
        whole_epochs = self.last_step // self.epoch_steps
        outcome = keep_outcome(
            self.run,
            self.config,
            network,
            dataset,
            self.preprocessing,
            predictions,
            epoch=whole_epochs,
            say=functools.partial(self.progress.doing, stays=True),
        )
        summary = {
            **outcome,
            "seed": self.config.seed,
            "init_channels": self._fitted.init_channels,
            "epochs": whole_epochs,
            "steps": self.last_step,
            "finished": not self.ends_early,
            **choice,
            **self._weight_record,
            "metrics": self.run.metrics.name,
        }
        self.progress.doing("drawing", stays=True)
        self._journal.finish(summary)
        self.progress.say("")
        if self.ends_early:
            self.say_early_end()
        self.progress.result(training_result(self.run, summary, dataset.num_classes))
        return summary

    def _choose_weights(self) -> dict[str, Any]:
        """Gives the network the weights to be tested; returns the choice for summary.json."""
        if self.dataset.validation is None:
            return {}
        best, number = self.step.state.best, best_epoch(self._journal.metrics)
        if best is None:
            number, rest = divmod(self.last_step, self.epoch_steps)
            # None if max_steps ended the run within an epoch, with weights that were not validated.
            number = None if rest else number
        elif number is not None:
            best.restore()
        chosen = next((record for record in self._journal.metrics if record["epoch"] == number), {})
        return {
            "validation_images": len(self.dataset.validation),
            "chosen_epoch": chosen.get("epoch"),
            "validation_accuracy": chosen.get("validation_accuracy"),
            "validation_loss": chosen.get("validation_loss"),
        }

    def _save_step(self, done: int, epoch_began: float | None) -> None:
        self.step.agree_on_statistics()
        self._journal.save_step(done, epoch_began)

    def _measure_test(self) -> None:
        """Measures how long the test after each epoch takes."""
        self.progress.pace.expect_between_epochs(seconds_to_test(self.step, self.tests))
