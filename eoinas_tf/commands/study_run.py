"""The process of one run of a study: what `run_search.py` and `run_eval.py` do, and an end when the study has ended.

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
    """Calls a function when the other end of a pipe is closed, as it is when the process that holds it ends.

    Args:
        descriptor: The pipe's end for reading.
        stop: Called once.

    Returns:
        The thread that waits.
    """

    def wait() -> None:
        # Not through sys.stdin, whose lock would be held when Python ends.
        while os.read(descriptor, 1):
            pass
        stop()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def main(arguments: list[str]) -> None:
    """Becomes the run.

    Args:
        arguments: `search` or `training`, and the flags.
    """
    kind, *flags = arguments
    # A study that is killed cannot tell its runs to stop; as this one would by SIGTERM, they save what they have.
    stop_with(STANDARD_INPUT, lambda: os.kill(os.getpid(), signal.SIGTERM))
    sys.argv = [f"eoinas_tf.commands.study_run {kind}", *flags]
    if kind == "search":
        run_command(SearchConfig, search)
    else:
        run_command(EvaluationConfig, evaluate)


if __name__ == "__main__":
    main(sys.argv[1:])
