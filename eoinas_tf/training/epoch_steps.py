"""The steps of an epoch, one or several per call, with the work around them that every kind of run needs."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from eoinas_tf.config import RunConfig
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.fault_points import fault_point
from eoinas_tf.optimization.step_results import StepResults
from eoinas_tf.resource_usage import seconds_since_process_start
from eoinas_tf.training.epoch_table import loss_text, percent_text
from eoinas_tf.training.progress import Progress
from eoinas_tf.training.run_estimate import RunEstimate
from eoinas_tf.training.step_saves import StepSaves, steps_in_call


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One epoch of a run.

    Args:
        number: The epoch, counted from 1.
        total: Epochs of the run.
        batches: Yields the arguments of a step, for all steps of the epoch that are not done yet.
        first_step: Global number of the first step of `batches`, counted from 0.
        run_end: Steps done when the process ends, because of `max_steps` or because the run is over; None: not in this
            epoch.
    """

    number: int
    total: int
    batches: Any
    first_step: int
    run_end: int | None = dataclasses.field(default=None, kw_only=True)

    @property
    def last_step(self) -> int:
        """Steps done when the process has finished its part of the epoch."""
        end = self.first_step + len(self.batches)
        return end if self.run_end is None else min(end, self.run_end)

    @property
    def is_whole(self) -> bool:
        """Whether the process does all remaining steps of the epoch."""
        return self.last_step == self.first_step + len(self.batches)


@dataclasses.dataclass(frozen=True)
class StepCalls:
    """The step functions of a kind of run.

    Args:
        one: Runs a step on the next element of an iterator; takes the iterator and the global step number, int64
            scalar.
        several: Runs several steps; takes the iterator, the number of the first step and the count, int64 scalars.
        results: Sums over the epoch's steps; they are shown, and waited for.
        fault_name: The fault point after a step.
        images: Number of images in a step.
        loss: Returns the mean loss to show; by default that of `results`.
    """

    one: Callable[[Iterator, tf.Tensor], None]
    several: Callable[[Iterator, tf.Tensor, tf.Tensor], None]
    results: StepResults
    fault_name: str
    images: int
    loss: Callable[[], float | None] | None = None


class StepRunner:
    """Runs the steps of epochs; reads the device only for a line of progress and at the end of an epoch.

    Args:
        config: `steps_per_call` and `checkpoint_every_steps`.
        progress: Shows how far the run is.
        saves: Saves within epochs; by default nothing is saved.
        replicas: The copies of the network; by default one.
        estimate: Says after the first steps how long the run will take; by default nothing is said.
    """

    def __init__(
        self,
        config: RunConfig,
        progress: Progress,
        saves: StepSaves | None = None,
        replicas: Replicas | None = None,
        estimate: RunEstimate | None = None,
    ) -> None:
        self.config = config
        self.progress = progress
        self.saves = saves
        self.replicas = replicas or Replicas()
        self.estimate = estimate

    def run(self, epoch: Epoch, calls: StepCalls) -> dict[str, float] | None:
        """Runs an epoch's steps.

        Args:
            epoch: The epoch.
            calls: The step functions.

        Returns:
            Clock readings for timing.jsonl; None if `max_steps` ended the run within the epoch.

        Raises:
            NonFiniteError: A loss or gradient was NaN or infinite when it was shown or saved.
            StoppedError: The run was asked to stop, and its state is saved.
        """
        progress, pace = self.progress, self.progress.pace
        started, done, last_step = time.monotonic(), epoch.first_step, epoch.last_step
        pace.begin_epoch(done)
        shares = iter(self.replicas.share_out(epoch.batches))
        while done < last_step:
            number, count = tf.constant(done, tf.int64), steps_in_call(self.config, done, last_step)
            if count == 1:
                calls.one(shares, number)
            else:
                calls.several(shares, number, tf.constant(count, tf.int64))
            done += count
            fault_point(calls.fault_name, done)
            if not pace.is_measuring:
                calls.results.wait()
                pace.first_step_done(done, seconds_since_process_start())
            if progress.due():
                progress.show(done, _how_it_goes(epoch, calls))
            if self.saves is not None:
                self.saves.after_step(done, started)
            if self.estimate is not None and self.estimate.is_due(done):
                calls.results.wait()
                started += self.estimate.give(done)
        calls.results.wait()
        pace.end_epoch(done)
        if not epoch.is_whole:
            return None
        seconds = max(time.monotonic() - started, 1e-9)
        images = (done - epoch.first_step) * calls.images
        return {"seconds": round(seconds, 3), "images_per_second": round(images / seconds, 1)}


def _how_it_goes(epoch: Epoch, calls: StepCalls) -> str:
    """Returns the text shown within an epoch; reads the device, and raises the errors of `means`."""
    means = calls.results.means(epoch.number)
    loss, accuracy = means.loss if calls.loss is None else calls.loss(), means.accuracy
    return f"epoch {epoch.number}/{epoch.total}  loss {loss_text(loss)}  accuracy {percent_text(accuracy):>6} %"
