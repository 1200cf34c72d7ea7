"""Saves within an epoch: every so many steps, where `--max_steps` ends a run, and when the run is asked to stop."""

from collections.abc import Callable

from eoinas_tf.config import RunConfig
from eoinas_tf.stop_signals import StopSignals


def steps_in_call(config: RunConfig, done: int, last_step: int) -> int:
    """Returns how many steps to run before the next moment at which something may have to be done between two steps.

    Args:
        config: `steps_per_call`, and `checkpoint_every_steps`, which no call runs past.
        done: Steps done since the run began.
        last_step: Steps done at the end of the epoch, or where `max_steps` ends the run in it.
    """
    ends = [done + config.steps_per_call, last_step]
    if config.checkpoint_every_steps:
        ends.append((done // config.checkpoint_every_steps + 1) * config.checkpoint_every_steps)
    return min(ends) - done


class StepSaves:
    """Decides after each step and each epoch whether to save.

    Args:
        config: `checkpoint_every_steps`.
        stop: Whether this process was asked to stop.
        save: Saves the run; takes the steps done and, if the process ends within an epoch, when that epoch began.
        is_any: Tells whether any worker says yes, as `Replicas.is_any` does; all workers get the same answer.
        early_end: Steps after which `max_steps` ends the run within an epoch; 0 if it does not.
    """

    def __init__(
        self,
        config: RunConfig,
        stop: StopSignals,
        save: Callable[[int, float | None], None],
        is_any: Callable[..., bool],
        early_end: int = 0,
    ) -> None:
        self._every = config.checkpoint_every_steps
        self._stop = stop
        self._save = save
        self._is_any = is_any
        self._early_end = early_end

    def after_step(self, done: int, epoch_began: float) -> None:
        """Saves if a checkpoint is due; called after every step, or after every call of several steps.

        Args:
            done: Steps done since the run began.
            epoch_began: When this process began the epoch, by `time.monotonic`.

        Raises:
            StoppedError: The run is to stop; it is saved.
        """
        is_stopped = self._is_any(self._stop.received is not None, done)
        is_end = is_stopped or done == self._early_end
        if is_end or (self._every and done % self._every == 0):
            self._save(done, epoch_began if is_end else None)
        if is_stopped:
            raise self._stop.error(f"saved after step {done}")

    def after_epoch(self, done: int) -> None:
        """Saves a recorded epoch if the run is to stop, whether its checkpoint was due or not.

        Args:
            done: Steps done since the run began.

        Raises:
            StoppedError: The run is to stop; it is saved.
        """
        if self._is_any(self._stop.received is not None, done, True):
            self._save(done, None)
            raise self._stop.error(f"saved after step {done}")
