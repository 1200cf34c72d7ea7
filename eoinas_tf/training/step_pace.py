"""How long a run's steps take, by kind, and how long all remaining ones will take."""

import dataclasses
import time
from collections.abc import Callable, Sequence

Kinds = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Consecutive epochs whose iterations consist of the same kinds of steps.

    Args:
        kinds: The kinds of step in an iteration, such as `("weight step", "architecture step")`.
        end: Iterations of the run that are done when the stretch ends.
    """

    kinds: Kinds
    end: int


class StepPace:
    """Measures iterations by their kinds of steps, and the time between epochs.

    The first iteration of each kind includes the tracing and does not count.

    Attributes:
        kinds: The kinds of step in the current epoch's iterations.
        seconds_to_first_step: Seconds from the process's start to the end of its first iteration; None before.

    Args:
        stretches: The whole run, in order.
        epoch_steps: Iterations of an epoch; 0 if nothing happens between epochs.
        clock: Returns seconds, monotonic.
    """

    def __init__(
        self, stretches: Sequence[Stretch], epoch_steps: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stretches = tuple(stretches)
        self.epoch_steps = epoch_steps
        self.clock = clock
        self.seconds_to_first_step: float | None = None
        self.kinds = self.stretches[0].kinds
        self._alone: dict[str, float] = {}
        self._expected_between = 0.0
        self.forget()

    def forget(self) -> None:
        """Forgets all measurements of iterations: those to come have another pace."""
        self._sums: dict[Kinds, tuple[int, float]] = {}
        self._alone.clear()
        self._window: tuple[int, float] | None = None
        self._between: list[float] = []
        self._paused_at: float | None = None

    @property
    def is_measuring(self) -> bool:
        """Whether the first iteration of the current kinds is done, so that later ones are measured."""
        return self._window is not None

    def begin_epoch(self, step: int) -> None:
        """Resumes measuring; the time since `end_epoch` is time between epochs.

        Args:
            step: Iterations done.
        """
        self.kinds = next((stretch.kinds for stretch in self.stretches if step < stretch.end), self.kinds)
        if self._paused_at is not None:
            self._between.append(self.clock() - self._paused_at)
        self._paused_at = None
        self.resume(step)

    def first_step_done(self, step: int, seconds_since_start: float) -> None:
        """Begins to measure the current kinds: called after their first iteration, which includes the tracing.

        Args:
            step: Iterations done.
            seconds_since_start: Seconds since the process started.
        """
        if self.seconds_to_first_step is None:
            self.seconds_to_first_step = seconds_since_start
        self._sums.setdefault(self.kinds, (0, 0.0))
        self.resume(step)

    def resume(self, step: int) -> None:
        """Resumes measuring if the current kinds' first iteration is done.

        Args:
            step: Iterations done.
        """
        self._window = (step, self.clock()) if self.kinds in self._sums else None

    def pause(self, step: int) -> None:
        """Pauses measuring until `resume` or `begin_epoch`; called when the device has done its work.

        Args:
            step: Iterations done.
        """
        if self._window is not None:
            self._sums[self.kinds] = self._measured(self.kinds, step)
        self._window = None

    def end_epoch(self, step: int) -> None:
        """Stops measuring until `begin_epoch`; the time until then counts once per epoch.

        Args:
            step: Iterations done.
        """
        self.pause(step)
        self._paused_at = self.clock()

    def measured_alone(self, kind: str, seconds: float) -> None:
        """Records how long a step of one kind took by itself.

        Args:
            kind: The kind.
            seconds: Seconds of a step.
        """
        self._alone[kind] = seconds

    def expect_between_epochs(self, seconds: float) -> None:
        """Records the expected time between epochs, used until it is measured.

        Args:
            seconds: Seconds per epoch.
        """
        self._expected_between = seconds

    @property
    def seconds_between_epochs(self) -> float:
        """Mean seconds from an epoch's last step to the next one's first; before the first end, as expected."""
        return sum(self._between) / len(self._between) if self._between else self._expected_between

    def measured_steps(self, step: int) -> int:
        """Returns how many iterations of the current kinds were measured.

        Args:
            step: Iterations done.
        """
        return self._measured(self.kinds, step)[0]

    def seconds_per_step(self, step: int) -> float | None:
        """Returns the mean seconds of an iteration of the current kinds; None before the first measurement.

        Args:
            step: Iterations done.
        """
        return self._mean(self.kinds, step)

    def seconds_by_kind(self, step: int) -> dict[str, float]:
        """Returns the mean seconds of a step of each known kind.

        Args:
            step: Iterations done.
        """
        known = dict(self._alone)
        for kinds in sorted({stretch.kinds for stretch in self.stretches}, key=len):
            mean = self._mean(kinds, step)
            others = [kind for kind in kinds if kind not in known]
            if mean is not None and len(others) == 1:
                known[others[0]] = max(0.0, mean - sum(known[kind] for kind in kinds if kind in known))
        order = dict.fromkeys(kind for stretch in self.stretches for kind in stretch.kinds)
        return {kind: known[kind] for kind in order if kind in known}

    def seconds_left(self, step: int) -> float | None:
        """Returns the seconds until the end of the run; None before the first measurement.

        A kind of step that was not measured yet counts like the slowest measured one.

        Args:
            step: Iterations done.
        """
        by_kind = self.seconds_by_kind(step)
        slowest = max(by_kind.values(), default=None)
        total, done = 0.0, step
        for stretch in self.stretches:
            count = stretch.end - done
            if count <= 0:
                continue
            seconds = self._mean(stretch.kinds, step)
            if seconds is None:
                if slowest is None:
                    return None
                seconds = sum(by_kind.get(kind, slowest) for kind in stretch.kinds)
            total += count * seconds
            done = stretch.end
        if self.epoch_steps:
            total += -(-(self.stretches[-1].end - step) // self.epoch_steps) * self.seconds_between_epochs
        return total

    def _measured(self, kinds: Kinds, step: int) -> tuple[int, float]:
        steps, seconds = self._sums.get(kinds, (0, 0.0))
        if self._window is not None and kinds == self.kinds:
            steps, seconds = steps + step - self._window[0], seconds + self.clock() - self._window[1]
        return steps, seconds

    def _mean(self, kinds: Kinds, step: int) -> float | None:
        steps, seconds = self._measured(kinds, step)
        return seconds / steps if steps > 0 else None
