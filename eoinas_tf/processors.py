"""The processors that this process may use, and how many threads share the work of one operation of TensorFlow."""

import os

THREADS_OF_AN_OPERATION = "TF_NUM_INTRAOP_THREADS"
# Of a network's operations, enough can run beside each other to keep so few processors busy. Sharing out single ones,
# which TensorFlow does too, wakes threads ten thousand times in a step and takes a tenth of its time.
FEW_PROCESSORS = 2


def usable_processors() -> int | None:
    """Returns how many processors this process may use; None where the system does not tell."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Not Linux.
        return os.cpu_count()


def choose_threads() -> None:
    """Lets TensorFlow run each operation on one thread where processors are few; called before it computes anything.

    The environment variable TF_NUM_INTRAOP_THREADS, where a user has set it, says how many threads instead.
    """
    if (usable_processors() or FEW_PROCESSORS + 1) <= FEW_PROCESSORS:
        os.environ.setdefault(THREADS_OF_AN_OPERATION, "1")
