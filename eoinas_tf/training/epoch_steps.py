"""The steps of an epoch, one in a call or several, with what goes around them in every kind of run."""

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
        batches: Yields what a step takes, for all steps of the epoch but those that are done.
        first_step: Global number of the first step of `batches`, counted from 0.
        run_end: Steps done when the process ends, by `max_steps` or because the run is over; None: not within it.
    """

    number: int
    total: int
    batches: Any
    first_step: int
    run_end: int | None = dataclasses.field(default=None, kw_only=True)

    @property
    def last_step(self) -> int:
        """Steps done when the process has done its part of the epoch."""
        end = self.first_step + len(self.batches)
        return end if self.run_end is None else min(end, self.run_end)

    @property
    def is_whole(self) -> bool:
        """Whether the process does all steps of the epoch that are left."""
        return self.last_step == self.first_step + len(self.batches)


@dataclasses.dataclass(frozen=True)
class StepCalls:
    """What a kind of run does in a step.

    Args:
        one: Runs a step on the next element of an iterator; takes it and the global number, int64 scalar.
        several: Runs several; takes the iterator, the number of the first and the count, int64 scalars.
        results: Sums over the epoch's steps; what is shown, and what is waited for.
        fault_name: The fault point after a step.
        images: Images that a step takes.
        loss: Returns the mean loss to show; that of the results where not given.
    """

    one: Callable[[Iterator, tf.Tensor], None]
    several: Callable[[Iterator, tf.Tensor, tf.Tensor], None]
    results: StepResults
    fault_name: str
    images: int
    loss: Callable[[], float | None] | None = None


class StepRunner:
    """Runs the steps of epochs; reads the device only where a line of progress is due and at an epoch's end.

    Args:
        config: `steps_per_call` and `checkpoint_every_steps`.
        progress: Where to show how far the run is.
        saves: Saves within epochs; nothing does where not given.
        replicas: The copies of the network; one where not given.
        estimate: Says after the first steps how long the run will take; nothing does where not given.
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
            calls: What a step is.

        Returns:
            Clock readings for timing.jsonl; None if `max_steps` ended the run within the epoch.

        Raises:
            NonFiniteError: A loss or gradient was NaN or infinite when it was shown or saved.
            StoppedError: The run was asked to stop, and is saved.
        """
        progress, pace = self.progress, self.progress.pace
        started, done, last_step = time.monotonic(), epoch.first_step, epoch.last_step
        seconds_estimating = 0.0
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
                self.saves.after_step(done)
            if self.estimate is not None and self.estimate.is_due(done):
                calls.results.wait()
                seconds_estimating += self.estimate.give(done)
        calls.results.wait()
        pace.end_epoch(done)
        if not epoch.is_whole:
            return None
        seconds = max(time.monotonic() - started - seconds_estimating, 1e-9)
        images = (done - epoch.first_step) * calls.images
        return {"seconds": round(seconds, 3), "images_per_second": round(images / seconds, 1)}


def _how_it_goes(epoch: Epoch, calls: StepCalls) -> str:
    """Returns what is shown within an epoch; reads the device, and raises what `means` does."""
    means = calls.results.means(epoch.number)
    loss, accuracy = means.loss if calls.loss is None else calls.loss(), means.accuracy
    return f"epoch {epoch.number}/{epoch.total}  loss {loss_text(loss)}  accuracy {percent_text(accuracy):>6} %"
