"""How long a run will take and how much memory it uses, reported after its first steps."""

import time
from collections.abc import Callable

import tensorflow as tf

from eoinas_tf.resource_usage import peak_memory_gib
from eoinas_tf.training.console_text import labelled_rows
from eoinas_tf.training.progress import Progress

MEASURED_STEPS = 2


class RunEstimate:
    """Reports once, after two measured steps of each kind, how long the run takes and how much memory it used.

    Args:
        progress: Shows the report; its pace measures the steps.
        measure: Measures, and records in the pace, what the first epoch's steps do not show; None if they show
            everything.
    """

    def __init__(self, progress: Progress, measure: Callable[[], None] | None = None) -> None:
        self.progress = progress
        self._measure = measure
        self._is_given = progress.is_quiet

    def is_due(self, done: int) -> bool:
        """Tells whether enough steps were measured and nothing was reported yet.

        Args:
            done: Steps done.
        """
        return not self._is_given and self.progress.pace.measured_steps(done) >= MEASURED_STEPS

    def give(self, done: int) -> float:
        """Measures what is not known yet and reports how long the run takes.

        Args:
            done: Steps done; the device has finished them.

        Returns:
            Seconds that this took, which are not part of the epoch's.
        """
        started = time.monotonic()
        pace = self.progress.pace
        pace.pause(done)
        self._is_given = True
        if self._measure is not None:
            self.progress.doing("measuring steps")
            self._measure()
        steps = ", ".join(f"{kind} {seconds:.3g} s" for kind, seconds in pace.seconds_by_kind(done).items())
        if pace.seconds_between_epochs:
            steps += f", between epochs {pace.seconds_between_epochs:.3g} s"
        memory = f"{peak_memory_gib():.2f} GiB peak so far"
        for device in tf.config.list_logical_devices("GPU"):
            gib = tf.config.experimental.get_memory_info(device.name.removeprefix("/device:"))["peak"] / 2**30
            memory += f", {device.name.removeprefix('/device:')} {gib:.2f} GiB"
        # Steps of a kind of which none is left whole, such as the last of an epoch that is continued, are not known.
        explanation = f" ({steps})" if steps else ""
        rows = {"time left": f"{self.progress.time_left(done)}{explanation}", "memory": memory}
        self.progress.say(labelled_rows(rows))
        pace.resume(done)
        return time.monotonic() - started
