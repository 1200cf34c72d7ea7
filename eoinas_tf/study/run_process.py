"""The process of one run of a study: what `run_search.py` and `run_eval.py` do, and an end when the study has ended.

`python -m eoinas_tf.study.run_process search|training FLAGS`; standard input is a pipe that the study holds open.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable

from eoinas_tf.command_line import run_command
from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.lean_imports import lean_imports

STANDARD_INPUT = 0


def search(config: SearchConfig) -> None:
    """Runs a search.

    Args:
        config: Its settings.
    """
    # Here and not above, so that a wrong flag is answered before TensorFlow is loaded.
    from eoinas_tf.search.seed_selection import search_seeds

    search_seeds(config)


def training(config: EvaluationConfig) -> None:
    """Trains, tests and exports a network.

    Args:
        config: Its settings.
    """
    with lean_imports():
        from eoinas_tf.evaluation.evaluation_loop import run_evaluation

    run_evaluation(config)


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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # A study that is killed cannot tell its runs to stop; as this one would by SIGTERM, they save what they have.
    stop_with(STANDARD_INPUT, lambda: os.kill(os.getpid(), signal.SIGTERM))
    sys.argv = [f"eoinas_tf.study.run_process {kind}", *flags]
    if kind == "search":
        run_command(SearchConfig, search)
    else:
        run_command(EvaluationConfig, training)


if __name__ == "__main__":
    main(sys.argv[1:])
