"""The rehearsal of a final network's training: how many epochs fit into `--hours`."""

import dataclasses
import functools
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.distribution.batch_division import FEWEST_IMAGES
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.evaluation.evaluation_images import load_images
from eoinas_tf.evaluation.evaluation_session import EvaluationSession
from eoinas_tf.evaluation.evaluation_step import EvaluationStep
from eoinas_tf.evaluation.latency_budget import kept_within_budgets
from eoinas_tf.evaluation.network_exports import check_exports
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_check import check_operations_of_cells
from eoinas_tf.training.epoch_steps import Epoch, StepRunner
from eoinas_tf.training.rehearsal import Rehearsal, silent_progress, within_hours
from eoinas_tf.training.time_budget import RunCost, fewest_epochs

TrainEpoch = Callable[[EvaluationStep, Epoch, StepRunner], dict[str, float] | None]
# Epochs without and with a frozen backbone.
KIND, FROZEN = "training", "frozen training"


def training_within_hours(
    config: EvaluationConfig,
    genotype: Genotype | None,
    dataset: ImageDataset | None,
    seconds_before: float,
    train: TrainEpoch,
) -> tuple[EvaluationConfig, ImageDataset | None]:
    """Chooses the epochs of a training run with a time budget; see `within_hours`.

    Args:
        config: The settings.
        genotype: The cells; None for a network without cells.
        dataset: The images, if already in memory.
        seconds_before: Seconds of the time budget that are already spent.
        train: Runs the steps of an epoch.
    """

    def rehearse(stop: threading.Event) -> tuple[RunCost, ImageDataset]:
        check_exports(Path(config.run_dir), config.export_formats)
        epochs = fewest_epochs(functools.partial(check_training, config))
        # Devices are divided before anything is computed.
        Replicas.of(config, config.accumulation_steps, FEWEST_IMAGES)
        check_operations_of_cells(genotype)
        images = load_images(config, dataset)
        run = RunDirectory(config)
        # The run keeps what is measured here, and the rehearsal does not measure again.
        fitted, _ = kept_within_budgets(run, config, genotype, images.image_shape, images.num_classes)
        with tempfile.TemporaryDirectory(prefix="eoinas_rehearsal_") as folder:
            # Its few steps must not stop it early.
            short = dataclasses.replace(
                fitted,
                run_dir=folder,
                epochs=epochs,
                max_steps=0,
                quiet=True,
                max_latency_ms=0.0,
                early_stopping_epochs=0,
            )
            started = time.monotonic()
            with RehearsedTraining(short, genotype, images) as session:
                return session.rehearse(config, stop, train, time.monotonic() - started), images

    return within_hours(config, dataset, seconds_before, rehearse)


def check_training(config: EvaluationConfig, epochs: int) -> None:
    """Refuses a number of epochs with which the settings make no training run.

    Args:
        config: The settings, without a number of epochs.
        epochs: The number of epochs.

    Raises:
        ConfigurationError: They make none.
    """
    dataclasses.replace(config, epochs=epochs)


class RehearsedTraining(EvaluationSession):
    """A training run that runs a few steps and everything around them."""

    def rehearse(
        self, config: EvaluationConfig, stop: threading.Event, train: TrainEpoch, seconds_to_open: float
    ) -> RunCost:
        """Runs a shortened training run and returns the cost of the whole one.

        Args:
            config: The settings, without a number of epochs.
            stop: Set when the rehearsal is to end.
            train: Runs the steps of an epoch.
            seconds_to_open: Seconds that opening the session took.
        """
        rehearsal, written = Rehearsal(self.config, self.epoch_steps, self.replicas, stop), 0

        def run_epoch(number: int, steps: int, runner: StepRunner) -> float:
            nonlocal written
            written += 1
            epoch = self.epoch(1)
            epoch = dataclasses.replace(epoch, batches=epoch.batches.take(steps))
            timing = train(self.training_step(number), epoch, runner)
            assert timing is not None
            means = self.step.test_all(self.tests.take(1))
            self.write_epoch(dataclasses.replace(epoch, number=written), means, timing)
            return 0.0

        frozen = self.config.freeze_backbone_epochs
        firsts = {**({FROZEN: 1} if frozen else {}), KIND: frozen + 1}
        measured = {kind: rehearsal.epoch_cost(functools.partial(run_epoch, number)) for kind, number in firsts.items()}
        test_seconds = rehearsal.pass_seconds(lambda count: self.step.test_all(self.tests.take(count)), len(self.tests))
        costs = {
            kind: dataclasses.replace(cost, seconds_around_steps=cost.seconds_around_steps + test_seconds)
            for kind, cost in measured.items()
        }
        save = functools.partial(self._save_step, epoch_began=None)
        costs = rehearsal.with_saves(costs, save, (written + 1) * self.epoch_steps)
        rehearsal.check_stop()
        started = time.monotonic()
        self.progress = silent_progress(1)
        self.finish()
        seconds_around_epochs = seconds_to_open + time.monotonic() - started
        return RunCost(
            self.epoch_steps,
            costs,
            seconds_around_epochs,
            lambda epochs: {**({FROZEN: frozen} if frozen else {}), KIND: epochs - frozen},
            functools.partial(check_training, config),
        )
