"""The surroundings of the algorithm in every kind of run: folder, signals, devices, progress, saves, an early end."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, TypeVar

import numpy as np
import tensorflow as tf

from eoinas_tf.config import RunConfig
from eoinas_tf.data.class_weights import class_weights, loss_factors
from eoinas_tf.data.image_split import ImageDataset
from eoinas_tf.data.unreadable_images import named_read_failures
from eoinas_tf.distribution.replicas import Replicas, short_digest
from eoinas_tf.distribution.worker import this_worker
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.weight_records import keep_class_weights
from eoinas_tf.kernels.kernel_policy import has_gpu
from eoinas_tf.memory_exhaustion import named_memory_exhaustion
from eoinas_tf.optimization.precision import computing_in
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.training.early_end import early_end_report, last_step
from eoinas_tf.training.epoch_steps import Epoch, StepRunner
from eoinas_tf.training.progress import Progress
from eoinas_tf.training.run_estimate import RunEstimate
from eoinas_tf.training.step_pace import StepPace, Stretch
from eoinas_tf.training.step_saves import StepSaves

SessionType = TypeVar("SessionType", bound="RunSession")


class Journal(Protocol):
    """Knows how far a continued run has come."""

    finished_epochs: int
    finished_steps: int


class RunSession:
    """A run in its folder, from the first epoch left to run; each kind of run defines what it prepares and saves.

    Attributes:
        run: The open run folder.
        replicas: The copies of the network.
        epoch_steps: Steps of an epoch.
        total_epochs: Epochs of the whole run.
        last_step: Steps done when this process ends.
        progress: The console output.
        saves: Saves within epochs and when the run is asked to stop.
        runner: Runs the steps of epochs.

    Args:
        config: The run's settings.
        memory_settings: The flags whose lower values need less memory.
    """

    run: RunDirectory
    replicas: Replicas
    progress: Progress
    saves: StepSaves
    runner: StepRunner

    def __init__(self, config: RunConfig, memory_settings: str) -> None:
        self.config = config
        self._memory_settings = memory_settings
        self._around = contextlib.ExitStack()
        self.epoch_steps = self.total_epochs = self.last_step = self._finished_epochs = self._finished_steps = 0

    def __enter__(self: SessionType) -> SessionType:
        """Opens the folder and prepares everything up to the first step."""
        with contextlib.ExitStack() as around:
            self._stop = around.enter_context(StopSignals())
            around.enter_context(named_memory_exhaustion(self._memory_settings))
            around.enter_context(named_read_failures())
            self.run = around.enter_context(RunDirectory(self.config, this_worker(self.config.strategy).is_chief))
            self._open(around)
            self._around = around.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Closes the folder and restores the signal handlers."""
        return self._around.__exit__(kind, exception, traceback)

    def _open(self, around: contextlib.ExitStack) -> None:
        """Prepares the run in its open folder; anything to be undone at the end goes into `around`."""
        raise NotImplementedError

    def _is_done(self, finished: int) -> bool:
        """Tells whether the run has no step left.

        Args:
            finished: Steps done since the run began.
        """
        return finished >= self.total_steps

    def _save_step(self, done: int, epoch_began: float | None) -> None:
        """Saves the run within an epoch, unless a step went wrong.

        Args:
            done: Steps done since the run began.
            epoch_began: When this process began the epoch, by `time.monotonic`, if it ends here.
        """
        raise NotImplementedError

    def _start_devices(self, around: contextlib.ExitStack, pieces: int = 1, fewest_images: int = 1) -> None:
        """Makes the replicas and sets the precision in which they compute.

        Args:
            around: Restores Keras's precision at the end.
            pieces: Pieces that each replica's share of a batch is divided into.
            fewest_images: Fewest images of a piece.
        """
        self.replicas = Replicas.of(self.config, pieces, fewest_images)
        self._stop.listen()
        around.enter_context(computing_in(self.config.mixed_precision))
        if self.config.deterministic:
            tf.config.experimental.enable_op_determinism()

    def _class_factors(self, dataset: ImageDataset) -> np.ndarray | None:
        """Returns the factor of an image's loss for each class, float32 [classes]; None: all 1.

        Args:
            dataset: The images.

        Raises:
            ConfigurationError: The file of class weights does not fit the classes, or other workers have another one.
            RunDirectoryError: The run began with other class weights.
        """
        weights = class_weights(self.config.class_weights, dataset)
        keep_class_weights(self.run, weights)
        factors = loss_factors(weights, dataset)
        self.replicas.check_agreement("class weights", short_digest(None if factors is None else factors.tolist()))
        return factors

    def _begin(
        self,
        journal: Journal,
        stretches: Sequence[Stretch],
        digest: str,
        header: Callable[[], Sequence[str]],
        measure: Callable[[], None] | None = None,
    ) -> None:
        """Compares the workers, shows what the run does, and prepares the parts that follow the steps.

        Args:
            journal: The journal, which has restored the newest checkpoint.
            stretches: The iterations of the run by their kinds of steps; none if nothing is trained.
            digest: The images' digest.
            header: Returns the lines to show first.
            measure: Measures, in a new run, what its first steps do not show, and records it in the pace.
        """
        config, self._finished_epochs = self.config, journal.finished_epochs
        finished = self._finished_steps = journal.finished_steps
        self.replicas.check_agreement(
            "settings, finished steps and images", f"{config.result_settings()} {finished} {digest}"
        )
        self.last_step = last_step(config, self.total_steps, finished)
        self.run.keep_devices(self.replicas.count, "GPU" if has_gpu() else "CPU", is_done=self._is_done(finished))
        pace = StepPace(stretches or [Stretch(("step",), 0)], self.epoch_steps)
        self.progress = Progress(self.total_steps, pace=pace, is_quiet=config.quiet)
        for line in header() if not config.quiet else ():
            self.progress.say(line)
        if finished:
            self.progress.say(
                f"{self.run.path}: continuing after epoch {self._finished_epochs} of {self.total_epochs}, step "
                f"{finished}"
            )
        early_end = self.last_step if self.last_step % max(1, self.epoch_steps) else 0
        self.saves = StepSaves(config, self._stop, self._save_step, self.replicas.is_any, early_end)
        estimate = RunEstimate(self.progress, None if finished or self.replicas.count > 1 else measure)
        self.runner = StepRunner(config, self.progress, self.saves, self.replicas, estimate)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.total_epochs * self.epoch_steps

    @property
    def ends_early(self) -> bool:
        """Whether `max_steps` ends the run before its last step."""
        return self.last_step < self.total_steps

    def epochs_left(self) -> Iterable[int]:
        """Returns the epochs, counted from 1, that are not finished and that this process reaches."""
        return range(self._finished_epochs + 1, -(-self.last_step // max(1, self.epoch_steps)) + 1)

    @contextlib.contextmanager
    def stopping_between_steps(self) -> Iterator[None]:
        """Inside the block, which runs all epochs, a signal waits until a step, or a test after an epoch, is saved.

        Raises:
            StoppedError: The signal came after the last step, which is saved whether a checkpoint was due or not.
        """
        with self._stop.finishing():
            yield
        # Workers go on only together: what follows needs all of them.
        if self.replicas.is_any(self._stop.received is not None, self.last_step, True):
            raise self._stop.error(f"saved after step {self.last_step}")

    def is_last(self, epoch: Epoch) -> bool:
        """Tells whether the process trains no further epoch.

        Args:
            epoch: An epoch that the process finishes.
        """
        return epoch.number * self.epoch_steps == self.last_step

    def first_step_of(self, number: int) -> int:
        """Returns the first step of an epoch that is not done, counted from 0 over the whole run.

        Args:
            number: The epoch, counted from 1.
        """
        return max((number - 1) * self.epoch_steps, self._finished_steps)

    def say_early_end(self) -> None:
        """Reports that `max_steps` ended the run, and what was measured."""
        pace = self.progress.pace
        report = early_end_report(self.config, pace, self.last_step, self.total_steps, self._continues())
        self.progress.result(report)

    def _continues(self) -> bool:
        """Returns whether the run's settings are accepted without `max_steps`."""
        return True
