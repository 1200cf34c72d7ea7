"""A run's console output: lines that stay, and one that shows how far the run is."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from eoinas_tf.enduring_output import EnduringStream
from eoinas_tf.experiment.readable_values import duration
from eoinas_tf.training.step_pace import StepPace, Stretch


class Progress:
    """Writes lines that stay and, between them, how far the run is.

    On a terminal that is one line, updated in place; elsewhere, such as in a file, a new line now and then.

    Attributes:
        pace: Measures how long steps take.

    Args:
        total_steps: Steps of the whole run.
        stream: The output; by default stdout.
        clock: Returns seconds, monotonic.
        seconds_between_lines: Seconds between two lines; on a terminal, the line is updated twice a second.
        pace: Measures the steps; by default for steps of one kind.
        is_quiet: Whether only results are written.
    """

    def __init__(
        self,
        total_steps: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        seconds_between_lines: float = 300.0,
        pace: StepPace | None = None,
        is_quiet: bool = False,
    ) -> None:
        self.total_steps = total_steps
        # A full disk, or a pipe to a program that has ended, must not end a run.
        self.stream = EnduringStream(sys.stdout if stream is None else stream)
        self.clock = clock
        self.pace = pace or StepPace([Stretch(("step",), total_steps)], clock=clock)
        self.is_quiet = is_quiet
        self.is_terminal = self.stream.isatty()
        self.interval = 0.5 if self.is_terminal else seconds_between_lines
        self._last_shown = clock()
        self._line_open = False

    def due(self) -> bool:
        """Tells whether it is time for a new line; only then must values be read from the device."""
        return self.clock() - self._last_shown >= self.interval

    def show(self, step: int, text: str) -> None:
        """Writes how far the run is.

        Args:
            step: Steps done by now.
            text: The beginning of the line, such as epoch and losses.
        """
        self._last_shown = self.clock()
        pace, left = self.pace.seconds_per_step(step), self.pace.seconds_left(step)
        line = f"{text}  {100.0 * step / self.total_steps:3.0f} %"
        if pace is not None and left is not None:
            line += f"  {pace:.3g} s/step  {duration(left)} left"
        self._renew(line, stays=True)

    def doing(self, text: str, stays: bool = False) -> None:
        """Says on a terminal what the run is doing, such as `testing`; the next line replaces it.

        Args:
            text: The activity.
            stays: Whether it is written as a separate line if the output is not a terminal.
        """
        self._renew(f"{text} ...", stays)

    def say(self, text: str) -> None:
        """Writes a line that stays.

        Args:
            text: The line.
        """
        if not self.is_quiet:
            self.result(text)

    def result(self, text: str) -> None:
        """Writes a line that stays, even if the run is quiet.

        Args:
            text: The line.
        """
        self._write("\x1b[K" * self._line_open + text + "\n")
        self._line_open = False

    def time_left(self, step: int) -> str:
        """Returns the remaining time as h:mm:ss, or - if nothing was measured.

        Args:
            step: Steps done by now.
        """
        left = self.pace.seconds_left(step)
        return "-" if left is None else duration(left)

    def _renew(self, line: str, stays: bool) -> None:
        if self.is_quiet:
            return
        if self.is_terminal:
            # A line that wraps on the terminal could not be overwritten. The cursor returns to the line's start, where
            # warnings and errors written by others then begin.
            self._write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}\r")
            self._line_open = True
        elif stays:
            self._write(line + "\n")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
