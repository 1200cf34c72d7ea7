"""How many epochs fit into a time budget (`--hours`), from the measurements of a rehearsal of the run."""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

from eoinas_tf.config import RunConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.readable_values import duration
from eoinas_tf.training.console_text import broken_lines

SECONDS_OF_AN_HOUR = 3600.0
MOST_EPOCHS = 1_000_000
# Above this, the settings' own refusal says what is wrong.
MOST_FEWEST_EPOCHS = 10_000
# Kept in reserve: over many minutes, steps took up to 14 % longer than in the few seconds in which they were measured.
RESERVED_SHARE = 0.04
# If whole epochs leave more of the budget than this unused, one more is made and all become shorter.
LARGEST_UNUSED_SHARE = 0.03
# An epoch is never made shorter than this share of the images, or so few steps.
SMALLEST_EPOCH_SHARE, FEWEST_EPOCH_STEPS = 0.1, 10
INDENT = "  "


class ChosenEpochs(NamedTuple):
    """Epochs chosen by a time budget.

    Args:
        epochs: The number of epochs.
        steps_per_epoch: Steps of each; None: those of all images.
    """

    epochs: int
    steps_per_epoch: int | None

    def text(self) -> str:
        """Returns the epochs in words, such as `6 epochs of 88 steps`."""
        return f"{self.epochs} epochs" + ("" if self.steps_per_epoch is None else f" of {self.steps_per_epoch} steps")


@dataclasses.dataclass(frozen=True)
class EpochCost:
    """The cost of epochs of one kind.

    Args:
        seconds_per_step: Seconds per step.
        seconds_around_steps: Seconds of an epoch's other work: its start, tests, curves, checkpoint.
        seconds_once: Additional seconds of the first such epoch: tracing.
    """

    seconds_per_step: float
    seconds_around_steps: float
    seconds_once: float

    def epoch_seconds(self, steps: int) -> float:
        """Returns the seconds of a whole epoch.

        Args:
            steps: Its steps.
        """
        return steps * self.seconds_per_step + self.seconds_around_steps


def epoch_cost(first: tuple[int, float], second: tuple[int, float], seconds_per_step: float | None) -> EpochCost:
    """Returns the cost of epochs, from two that were cut short.

    Args:
        first: Steps and seconds of the first epoch of its kind, tracing included.
        second: Those of another one.
        seconds_per_step: Seconds per step of the second one, after its first step; None if it has only one.
    """
    per_step = seconds_per_step or 0.0
    around = max(0.0, second[1] - second[0] * per_step)
    return EpochCost(per_step, around, max(0.0, first[1] - first[0] * per_step - around))


def epochs_that_fit(
    budget_seconds: float, seconds_of: Callable[[int], float], longest_epoch_seconds: float, fewest_epochs: int
) -> int:
    """Returns the largest number of epochs with which a run ends within a time budget; 0 if not even the fewest fit.

    Args:
        budget_seconds: The budget.
        seconds_of: Returns the seconds of a whole run with the given number of epochs.
        longest_epoch_seconds: Most seconds by which one more epoch prolongs a run.
        fewest_epochs: Epochs of the shortest run.
    """
    epochs = fewest_epochs
    if seconds_of(epochs) > budget_seconds:
        return 0
    # Never too many: an epoch takes at most as long as the longest one; if it takes less, more of them fit.
    while epochs < MOST_EPOCHS and (more := (budget_seconds - seconds_of(epochs)) // longest_epoch_seconds) >= 1:
        epochs = min(MOST_EPOCHS, epochs + int(more))
    return epochs


def fewest_epochs(is_run: Callable[[int], None], at_least: int = 1) -> int:
    """Returns the number of epochs of the shortest run that the settings allow.

    Args:
        is_run: Raises a ConfigurationError if the settings do not allow a run of the given number of epochs.
        at_least: Smaller numbers are not tried.

    Raises:
        ConfigurationError: They allow none.
    """
    for epochs in range(at_least, MOST_FEWEST_EPOCHS):
        try:
            is_run(epochs)
        except ConfigurationError:
            continue
        return epochs
    is_run(MOST_FEWEST_EPOCHS)
    return MOST_FEWEST_EPOCHS


@dataclasses.dataclass(frozen=True)
class RunCost:
    """The cost of a run as a function of its epochs.

    Args:
        epoch_steps: Steps of an epoch.
        kinds: The kinds of epochs, by name.
        seconds_around_epochs: Seconds before the first epoch and after the last one.
        count: Returns how many epochs of each kind a run of the given number of epochs has.
        is_run: Raises a ConfigurationError if the settings do not allow a run of the given number of epochs.
    """

    epoch_steps: int
    kinds: dict[str, EpochCost]
    seconds_around_epochs: float
    count: Callable[[int], dict[str, int]]
    is_run: Callable[[int], None]

    def seconds_of(self, epochs: int, steps: int | None = None) -> float:
        """Returns the seconds of a whole run of so many epochs, from after its rehearsal to its end.

        Args:
            epochs: The number of epochs.
            steps: Steps of each; by default `epoch_steps`.
        """
        once = sum(self.kinds[kind].seconds_once for kind, count in self.count(epochs).items() if count)
        return self.seconds_around_epochs + once + self._seconds_of_epochs(epochs, steps)

    def _seconds_of_epochs(self, epochs: int, steps: int | None = None) -> float:
        counts, steps = self.count(epochs).items(), self.epoch_steps if steps is None else steps
        return sum(count * self.kinds[kind].epoch_seconds(steps) for kind, count in counts)

    def choose_epochs(self, config: RunConfig, seconds_spent: float) -> ChosenEpochs:
        """Returns the epochs with which the run ends within its time budget less the reserve, and close to that.

        They are as many as fit. Where whole epochs are too long to fill the budget, there is one more, and each uses a
        part of the images; where not even the shortest run fits, its epochs use as many images as do.

        Args:
            config: `hours` and `steps_per_epoch`.
            seconds_spent: Seconds of the budget that are already spent.

        Raises:
            ConfigurationError: The budget is too small for the shortest run.
        """
        assert config.hours is not None
        budget = config.hours * SECONDS_OF_AN_HOUR
        left = (1.0 - RESERVED_SHARE) * budget - seconds_spent
        fewest = fewest_epochs(self.is_run)
        longest = max(cost.epoch_seconds(self.epoch_steps) for cost in self.kinds.values())
        epochs = epochs_that_fit(left, self.seconds_of, max(longest, 1e-6), fewest)
        while epochs > fewest and not self._makes_run(epochs):
            epochs -= 1
        if epochs and left - self.seconds_of(epochs) <= LARGEST_UNUSED_SHARE * budget:
            return ChosenEpochs(epochs, config.steps_per_epoch)
        more = max(epochs + 1, fewest)
        steps = self._steps_that_fit(more, left) if self._makes_run(more) and config.steps_per_epoch is None else 0
        if steps >= self._fewest_steps():
            return ChosenEpochs(more, steps)
        if epochs:
            return ChosenEpochs(epochs, config.steps_per_epoch)
        raise self._too_few_hours(config, fewest, seconds_spent)

    def _steps_that_fit(self, epochs: int, seconds: float) -> int:
        """Returns the most steps per epoch with which a run of so many epochs takes at most so many seconds."""
        without_steps = self.seconds_of(epochs, 0)
        seconds_per_step = self.seconds_of(epochs, 1) - without_steps
        # Rounding never makes an epoch longer than the images allow.
        return min(self.epoch_steps, int((seconds - without_steps) / max(seconds_per_step, 1e-9)))

    def _fewest_steps(self) -> int:
        return min(self.epoch_steps, max(FEWEST_EPOCH_STEPS, math.ceil(SMALLEST_EPOCH_SHARE * self.epoch_steps)))

    def _too_few_hours(self, config: RunConfig, fewest: int, seconds_spent: float) -> ConfigurationError:
        steps = self.epoch_steps if config.steps_per_epoch is not None else self._fewest_steps()
        # Two digits, rounded up, so that the stated hours are enough.
        needed = (seconds_spent + self.seconds_of(fewest, steps)) / (1.0 - RESERVED_SHARE) / SECONDS_OF_AN_HOUR
        digits = 1 - math.floor(math.log10(needed))
        needed = math.ceil(needed * 10**digits) / 10**digits
        shortest = f"{fewest} epoch{'s' * (fewest > 1)} of {steps} steps"
        in_epochs = self._seconds_of_epochs(fewest, steps)
        around = self.seconds_of(fewest, steps) - in_epochs
        return ConfigurationError(
            f"--hours is too small: the shortest run that these settings allow has {shortest} and needs "
            f"{needed:g} hours here ({in_epochs:.3g} s for epochs, {around:.3g} s for start, tracing and end, "
            f"{seconds_spent:.3g} s so far, {RESERVED_SHARE:.0%} in reserve); give --hours={needed:g} or "
            f"more, or smaller settings. Received: {config.hours:g}"
        )

    def _makes_run(self, epochs: int) -> bool:
        try:
            self.is_run(epochs)
        except ConfigurationError:
            return False
        return True

    def reason(self, config: RunConfig, chosen: ChosenEpochs, seconds_spent: float) -> str:
        """Returns the choice and its reason, in lines.

        Args:
            config: `hours`.
            chosen: The chosen epochs.
            seconds_spent: Seconds of the budget that were already spent.
        """
        steps = self.epoch_steps if chosen.steps_per_epoch is None else chosen.steps_per_epoch
        part = "" if steps == self.epoch_steps else f", each on {steps / self.epoch_steps:.0%} of the images"
        kinds = ", ".join(
            f"{cost.epoch_seconds(steps):.3g} s for an epoch of {kind} ({steps} steps of "
            f"{cost.seconds_per_step:.3g} s, {cost.seconds_around_steps:.3g} s around them)"
            for kind, cost in self.kinds.items()
        )
        once = self.seconds_around_epochs + sum(cost.seconds_once for cost in self.kinds.values())
        end = duration(seconds_spent + self.seconds_of(chosen.epochs, steps))
        text = (
            f"--hours={config.hours:g}: {chosen.text()}{part}, with which the run will end {end} after its "
            f"start. Measured: {kinds}; {once:.3g} s for start, tracing and end; {seconds_spent:.3g} s so far"
        )
        return broken_lines(text, "", INDENT)
