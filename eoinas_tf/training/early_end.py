"""`--max_steps`: a run that ends early is saved, and the same command without the flag continues it."""

from eoinas_tf.config import RunConfig
from eoinas_tf.resource_usage import peak_memory_gib
from eoinas_tf.training.console_text import broken_lines
from eoinas_tf.training.step_pace import StepPace

INDENT = "  "


def last_step(config: RunConfig, total_steps: int, finished_steps: int) -> int:
    """Returns the steps done when the process ends; an epoch that ends there is recorded like any other.

    Args:
        config: `max_steps`; 0: no limit.
        total_steps: Steps of the whole run.
        finished_steps: Steps that the run has already done and keeps.
    """
    return max(min(config.max_steps or total_steps, total_steps), finished_steps)


def early_end_report(config: RunConfig, pace: StepPace, done: int, total_steps: int, continues: bool = True) -> str:
    """Returns the report on a run that ended early: what it kept, and what its steps measured.

    Args:
        config: `max_steps`.
        pace: The measured durations of steps.
        done: Steps done.
        total_steps: Steps of the whole run.
        continues: Whether the settings are accepted without `max_steps`.
    """
    rest = "continues after them" if continues else "is refused, because the schedule of its epochs makes no search"
    saved = broken_lines(
        f"ended by --max_steps={config.max_steps} after {done} of {total_steps} steps, which are saved; the same "
        f"command without it {rest}",
        "",
        INDENT,
    )
    if pace.seconds_to_first_step is None:
        return saved
    seconds = pace.seconds_per_step(done)
    measured = (
        f"{pace.seconds_to_first_step:.1f} s to the end of the first step, "
        f"{'-' if seconds is None else f'{seconds:.2f}'} s a step ({' and '.join(pace.kinds)}), "
        f"peak memory {peak_memory_gib():.2f} GiB"
    )
    return f"{saved}\n{broken_lines(measured, INDENT, INDENT)}"
