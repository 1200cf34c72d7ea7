"""How many epochs fit into a time budget (`--hours`), from what a rehearsal of the run has measured."""

import dataclasses
import math
from collections.abc import Callable

from eoinas_tf.config import RunConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.readable_values import duration
from eoinas_tf.training.console_text import broken_lines

SECONDS_OF_AN_HOUR = 3600.0
MOST_EPOCHS = 1_000_000
# Below, the settings' own refusal says what is wrong.
MOST_FEWEST_EPOCHS = 10_000
INDENT = "  "


@dataclasses.dataclass(frozen=True)
class EpochCost:
    """What epochs of one kind take.

    Args:
        seconds_per_step: Of a step.
        seconds_around_steps: Of what else an epoch takes: its start, tests, curves, checkpoint.
        seconds_once: Of what the first such epoch takes beside: tracing.
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
    """Returns what epochs take, of two that were cut short.

    Args:
        first: Steps and seconds of the first epoch of its kind, tracing included.
        second: Those of another one.
        seconds_per_step: Of the second one's steps after its first; None where it has only one.
    """
    per_step = seconds_per_step or 0.0
    around = max(0.0, second[1] - second[0] * per_step)
    return EpochCost(per_step, around, max(0.0, first[1] - first[0] * per_step - around))


def epochs_that_fit(
    budget_seconds: float, seconds_of: Callable[[int], float], longest_epoch_seconds: float, fewest_epochs: int
) -> int:
    """Returns the most epochs of a run that ends within a time budget; 0 where not even the fewest do.

    Args:
        budget_seconds: The budget.
        seconds_of: Returns the seconds of all of a run of so many epochs.
        longest_epoch_seconds: Seconds by which an epoch more makes a run longer at most.
        fewest_epochs: Epochs of the shortest run.
    """
    epochs = fewest_epochs
    if seconds_of(epochs) > budget_seconds:
        return 0
    # Never too many: an epoch of the run takes as long as the longest one, or less, and then more of them fit.
    while epochs < MOST_EPOCHS and (more := (budget_seconds - seconds_of(epochs)) // longest_epoch_seconds) >= 1:
        epochs = min(MOST_EPOCHS, epochs + int(more))
    return epochs


def fewest_epochs(is_run: Callable[[int], None], at_least: int = 1) -> int:
    """Returns the epochs of the shortest run that the settings allow.

    Args:
        is_run: Raises a ConfigurationError where the settings make no run of so many epochs.
        at_least: Fewer are not asked for.

    Raises:
        ConfigurationError: There is none.
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
    """What a run takes, by its epochs.

    Args:
        epoch_steps: Steps of an epoch.
        kinds: The kinds of epochs, by name.
        seconds_around_epochs: Seconds before the first epoch and after the last one.
        count: Returns how many epochs of each kind a run of so many epochs has.
        is_run: Raises a ConfigurationError where the settings make no run of so many epochs.
    """

    epoch_steps: int
    kinds: dict[str, EpochCost]
    seconds_around_epochs: float
    count: Callable[[int], dict[str, int]]
    is_run: Callable[[int], None]

    def seconds_of(self, epochs: int) -> float:
        """Returns the seconds of all of a run of so many epochs, from after its rehearsal to its end.

        Args:
            epochs: How many.
        """
        once = sum(self.kinds[kind].seconds_once for kind, count in self.count(epochs).items() if count)
        return self.seconds_around_epochs + once + self._seconds_of_epochs(epochs)

    def _seconds_of_epochs(self, epochs: int) -> float:
        counts = self.count(epochs).items()
        return sum(count * self.kinds[kind].epoch_seconds(self.epoch_steps) for kind, count in counts)

    def choose_epochs(self, config: RunConfig, seconds_spent: float) -> int:
        """Returns the most epochs with which the run ends within its time budget.

        Args:
            config: `hours`.
            seconds_spent: Seconds of the budget that are over.

        Raises:
            ConfigurationError: The budget is too small for the shortest run.
        """
        assert config.hours is not None
        left = config.hours * SECONDS_OF_AN_HOUR - seconds_spent
        fewest = fewest_epochs(self.is_run)
        longest = max(cost.epoch_seconds(self.epoch_steps) for cost in self.kinds.values())
        epochs = epochs_that_fit(left, self.seconds_of, max(longest, 1e-6), fewest)
        if not epochs:
            # Of two digits, rounded up, so that the hours named are enough.
            needed = (seconds_spent + self.seconds_of(fewest)) / SECONDS_OF_AN_HOUR
            digits = 1 - math.floor(math.log10(needed))
            needed = math.ceil(needed * 10**digits) / 10**digits
            shortest = f"{fewest} epoch{'s' * (fewest > 1)}"
            in_epochs = self._seconds_of_epochs(fewest)
            around = self.seconds_of(fewest) - in_epochs
            raise ConfigurationError(
                f"--hours is too small: the shortest run that these settings allow has {shortest} and takes "
                f"{needed:g} hours here ({in_epochs:.3g} s for epochs, {around:.3g} s for start, tracing and end, "
                f"{seconds_spent:.3g} s so far); give --hours={needed:g} or more, or smaller settings. "
                f"Received: {config.hours:g}"
            )
        while epochs > fewest and not self._makes_run(epochs):
            epochs -= 1
        return epochs

    def _makes_run(self, epochs: int) -> bool:
        try:
            self.is_run(epochs)
        except ConfigurationError:
            return False
        return True

    def reason(self, config: RunConfig, epochs: int, seconds_spent: float) -> str:
        """Returns what was chosen and why, in lines.

        Args:
            config: `hours`.
            epochs: The chosen epochs.
            seconds_spent: Seconds of the budget that were over.
        """
        kinds = ", ".join(
            f"{cost.epoch_seconds(self.epoch_steps):.3g} s for an epoch of {kind} ({self.epoch_steps} steps of "
            f"{cost.seconds_per_step:.3g} s, {cost.seconds_around_steps:.3g} s around them)"
            for kind, cost in self.kinds.items()
        )
        once = self.seconds_around_epochs + sum(cost.seconds_once for cost in self.kinds.values())
        end = duration(seconds_spent + self.seconds_of(epochs))
        text = (
            f"--hours={config.hours:g}: {epochs} epochs, with which the run will end {end} after its start. Measured: "
            f"{kinds}; {once:.3g} s for start, tracing and end; {seconds_spent:.3g} s so far"
        )
        return broken_lines(text, "", INDENT)
