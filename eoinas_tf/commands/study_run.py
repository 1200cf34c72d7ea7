"""The process of one run of a study: does the work of `run_search.py` or `run_eval.py`, and stops if the study ends.

`python -m eoinas_tf.commands.study_run search|training FLAGS`; standard input is a pipe that the study holds open.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable

from eoinas_tf.command_line import run_command
from eoinas_tf.commands.evaluation import evaluate
from eoinas_tf.commands.search import search
from eoinas_tf.config import EvaluationConfig, SearchConfig

STANDARD_INPUT = 0


def stop_with(descriptor: int, stop: Callable[[], None]) -> threading.Thread:
    """Calls a function when the other end of a pipe is closed, for example because the process that holds it ended.

    Args:
        descriptor: The file descriptor of the pipe's reading end.
        stop: Called once.

    Returns:
        The waiting thread.
    """

    def wait() -> None:
        # Not through sys.stdin: its lock would be held when Python exits.
        while os.read(descriptor, 1):
            pass
        stop()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def main(arguments: list[str]) -> None:
    """Performs the run.

    Args:
        arguments: `search` or `training`, followed by the flags.
    """
    kind, *flags = arguments
    # A study that is killed cannot stop its runs; they stop themselves, and save their state as on any SIGTERM.
    stop_with(STANDARD_INPUT, lambda: os.kill(os.getpid(), signal.SIGTERM))
    sys.argv = [f"eoinas_tf.commands.study_run {kind}", *flags]
    if kind == "search":
        run_command(SearchConfig, search)
    else:
        run_command(EvaluationConfig, evaluate)


if __name__ == "__main__":
    main(sys.argv[1:])
