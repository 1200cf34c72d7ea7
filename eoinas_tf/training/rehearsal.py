"""A shortened run in a folder that is deleted afterwards, to measure how long the whole run takes (`--hours`).

The rehearsal has its own network, optimizers, records and exports, made by the same code. Only the number of epochs is
kept, so that the run is the same as one for which the user asks for that many epochs.
"""

import contextlib
import dataclasses
import gc
import io
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from eoinas_tf.config import RunConfig
from eoinas_tf.data.image_split import ImageDataset
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.errors import StoppedError
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.training.epoch_steps import StepRunner
from eoinas_tf.training.progress import Progress
from eoinas_tf.training.run_estimate import MEASURED_STEPS
from eoinas_tf.training.step_pace import StepPace, Stretch
from eoinas_tf.training.time_budget import SECONDS_OF_AN_HOUR, ChosenEpochs, EpochCost, RunCost, epoch_cost

Config = TypeVar("Config", bound=RunConfig)
Clock = Callable[[], float]
# Calls in the first epoch of a kind, the first of which is traced.
FIRST_CALLS = 1 + MEASURED_STEPS
# For the second epoch, which is measured: a share of the budget, so that random variation of single steps averages out.
MEASURED_SHARE = 0.01
SHORTEST_SECONDS, LONGEST_SECONDS = 2.0, 20.0


def within_hours(
    config: Config,
    dataset: ImageDataset | None,
    seconds_before: float,
    rehearse: Callable[[threading.Event], tuple[RunCost, ImageDataset]],
    clock: Clock = time.monotonic,
) -> tuple[Config, ImageDataset | None]:
    """Chooses the epochs of a new run with a time budget and writes them to its config.json; an old run keeps its own.

    Args:
        config: The settings; nothing is done unless they leave the epochs to `hours`.
        dataset: The images, if already in memory.
        seconds_before: Seconds of the time budget that are already spent.
        rehearse: Rehearses the run until it is told to stop; returns its cost and the images.
        clock: Returns seconds, monotonic.

    Returns:
        The settings with the epochs, and the images if they are in memory now.

    Raises:
        ConfigurationError: The budget is too small for the shortest run.
        EoinasError: The run folder cannot be used, the rehearsal failed, or a signal stopped it.
    """
    if config.epochs is not None:
        return config, dataset
    began, progress = clock(), Progress(1, is_quiet=config.quiet)
    with StopSignals(), RunDirectory(config) as run:
        if run.config.epochs is not None:
            kept = ChosenEpochs(run.config.epochs, run.config.steps_per_epoch)
            progress.say(f"{run.path}: {kept.text()}, chosen for --hours={config.hours:g} at its start")
            return run.config, dataset
        progress.doing(f"--hours={config.hours:g}: timing some steps of each kind, a test and the end", stays=True)
        cost, dataset = _in_own_thread(rehearse)
        gc.collect()  # Graphs contain reference cycles and would stay in memory beside the run's own.
        spent = seconds_before + clock() - began
        chosen = cost.choose_epochs(config, spent)
        run.keep_epochs(*chosen)
        progress.say(cost.reason(config, chosen, spent))
        return run.config, dataset


Result = TypeVar("Result")


def _in_own_thread(work: Callable[[threading.Event], Result]) -> Result:
    """Does work in a new thread, in which Keras numbers layer names from the start, as it does in the run."""
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as executor, _held_back_warnings():
        try:
            return executor.submit(work, stop).result()
        except BaseException:
            stop.set()  # After a signal, the thread ends when its current part is done.
            raise


@contextlib.contextmanager
def _held_back_warnings() -> Iterator[None]:
    """Holds back this package's warnings: the run itself repeats those that matter."""
    logger = logging.getLogger("eoinas_tf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class Rehearsal:
    """Measures epochs that are cut short.

    Args:
        config: The run's settings.
        epoch_steps: Steps of a whole epoch.
        replicas: The copies of the network.
        stop: Set when the rehearsal is to end.
        clock: Returns seconds, monotonic.
    """

    def __init__(
        self,
        config: RunConfig,
        epoch_steps: int,
        replicas: Replicas,
        stop: threading.Event,
        clock: Clock = time.monotonic,
    ) -> None:
        self.config = config
        self.epoch_steps = epoch_steps
        self.replicas = replicas
        self.clock = clock
        self._stop = stop

    def epoch_cost(self, run_epoch: Callable[[int, StepRunner], float]) -> EpochCost:
        """Returns the cost of epochs of one kind.

        Args:
            run_epoch: Runs the given number of steps of an epoch of this kind, and the epoch's other work; returns
                seconds to add, such as those of test images that were skipped.
        """
        steps = min(FIRST_CALLS * self.config.steps_per_call, self.epoch_steps)
        first, per_step = self._timed(run_epoch, steps)
        second_steps = self._steps_to_measure(per_step, steps)
        second, per_step = self._timed(run_epoch, second_steps)
        return epoch_cost((steps, first), (second_steps, second), per_step)

    def with_saves(
        self, costs: Mapping[str, EpochCost], save: Callable[[int], object], step: int
    ) -> dict[str, EpochCost]:
        """Returns the costs of epochs with the checkpoints that `checkpoint_every_steps` asks for within them.

        Args:
            costs: The costs without them, by kind.
            save: Writes a checkpoint of a run that has done the given number of steps.
            step: More steps than any checkpoint has.
        """
        if not self.config.checkpoint_every_steps:
            return dict(costs)
        self.check_stop()
        more = self._seconds_of(save, step) / self.config.checkpoint_every_steps
        return {
            kind: dataclasses.replace(cost, seconds_per_step=cost.seconds_per_step + more)
            for kind, cost in costs.items()
        }

    def pass_seconds(self, run: Callable[[int], object], batches: int) -> float:
        """Returns the seconds of a pass over images without training, such as a test.

        Args:
            run: Runs the given number of its batches, starting with the first.
            batches: Batches of the whole pass.
        """
        self.check_stop()
        run(1)  # Traces the graph.
        some = min(FIRST_CALLS, batches)
        first = self._seconds_of(run, some)
        more = min(batches, max(some + 1, int(some * self._seconds_to_measure() / max(first, 1e-6))))
        if some == batches:
            return first
        second = self._seconds_of(run, more)
        # Both measurements include the start, and so does the pass, once.
        return second + (batches - more) * max(0.0, second - first) / (more - some)

    def check_stop(self) -> None:
        """Ends the rehearsal if it is to stop; called between its parts.

        Raises:
            StoppedError: It is to stop. Nobody reads the message: the signal has raised its own error.
        """
        if self._stop.is_set():
            raise StoppedError("the rehearsal was told to stop")

    def _steps_to_measure(self, seconds_per_step: float | None, fewest: int) -> int:
        if not seconds_per_step:
            return fewest
        steps, in_call = 1 + int(self._seconds_to_measure() / seconds_per_step), self.config.steps_per_call
        # Whole calls: a single step left over would be traced, and the tracing measured.
        return min(self.epoch_steps, max(fewest, -(-steps // in_call) * in_call))

    def _seconds_to_measure(self) -> float:
        budget = (self.config.hours or 0.0) * SECONDS_OF_AN_HOUR
        return min(LONGEST_SECONDS, max(SHORTEST_SECONDS, MEASURED_SHARE * budget))

    def _seconds_of(self, run: Callable[[int], object], batches: int) -> float:
        started = self.clock()
        run(batches)
        return self.clock() - started

    def _timed(self, run_epoch: Callable[[int, StepRunner], float], steps: int) -> tuple[float, float | None]:
        """Returns the seconds of an epoch of so many steps, and those of one of its steps after the first."""
        self.check_stop()
        pace = StepPace([Stretch(("step",), steps)], clock=self.clock)
        progress = silent_progress(steps, pace)
        runner = StepRunner(self.config, progress, replicas=self.replicas)
        started = self.clock()
        more = run_epoch(steps, runner)
        return self.clock() - started + more, pace.seconds_per_step(steps)


def silent_progress(steps: int, pace: StepPace | None = None) -> Progress:
    """Returns a progress that shows nothing.

    Args:
        steps: Steps of the run.
        pace: Measures the steps.
    """
    return Progress(steps, io.StringIO(), pace=pace, is_quiet=True)
