"""A line that says how far a long run is and how long it still takes."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

from eoinas_tf.enduring_output import EnduringStream


class Progress:
    """Shows progress: one line that renews itself on a terminal, a line now and then elsewhere.

    Args:
        total_steps: Steps of the whole run.
        stream: Where to.
        clock: Returns seconds, monotonic.
        seconds_between_lines: Between two lines; on a terminal twice a second.
    """

    def __init__(
        self,
        total_steps: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        seconds_between_lines: float = 30.0,
    ) -> None:
        self.total_steps = total_steps
        # A run does not end because its output goes to a full disk, or to a program that has ended.
        self.stream = EnduringStream(sys.stdout if stream is None else stream)
        self.clock = clock
        self.is_terminal = self.stream.isatty()
        self.interval = 0.5 if self.is_terminal else seconds_between_lines
        self.seconds_to_first_step: float | None = None
        self._started_at: float | None = None
        self._first_step = 0
        self._last_shown = clock()
        self._line_open = False

    def due(self) -> bool:
        """Tells whether it is time for a new line; only then values need to be read from the device."""
        return self.clock() - self._last_shown >= self.interval

    def first_step_done(self, step: int, seconds_since_start: float) -> None:
        """Begins to measure: called after a process's first step, and a new network's, which take the tracing.

        Args:
            step: Steps done by now.
            seconds_since_start: Seconds since the process started.
        """
        if self.seconds_to_first_step is None:
            self.seconds_to_first_step = seconds_since_start
        self._started_at, self._first_step = self.clock(), step

    @property
    def is_measuring(self) -> bool:
        """Whether `first_step_done` was called, and `forget_pace` not since."""
        return self._started_at is not None

    def forget_pace(self) -> None:
        """Measures no more until `first_step_done`: what comes has another pace."""
        self._started_at = None

    def seconds_per_step(self, step: int) -> float | None:
        """Returns the mean seconds a step took since `first_step_done`; None before there is one.

        Args:
            step: Steps done by now.
        """
        if self._started_at is None or step <= self._first_step:
            return None
        return (self.clock() - self._started_at) / (step - self._first_step)

    def show(self, step: int, text: str) -> None:
        """Writes the line.

        Args:
            step: Steps done by now.
            text: What goes first, such as epoch and losses.
        """
        self._last_shown = self.clock()
        pace = self.seconds_per_step(step)
        percent = 100.0 * step / self.total_steps
        line = f"{text}  {percent:3.0f} %"
        if pace is not None:
            line += f"  {pace:.3g} s/step  {duration((self.total_steps - step) * pace)} left"
        if self.is_terminal:
            self._write(f"\r\x1b[K{line}")
            self._line_open = True
        else:
            self._write(line + "\n")

    def say(self, text: str) -> None:
        """Writes a line that stays.

        Args:
            text: The line.
        """
        self._write("\r\x1b[K" * self._line_open + text + "\n")
        self._line_open = False

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def duration(seconds: float) -> str:
    """Returns seconds as h:mm:ss."""
    whole = max(0, round(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
