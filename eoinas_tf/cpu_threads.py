"""The CPUs that this process may use, and how many threads share the work of one TensorFlow operation."""

import os

THREADS_OF_AN_OPERATION = "TF_NUM_INTRAOP_THREADS"
OPERATIONS_AT_A_TIME = "TF_NUM_INTEROP_THREADS"
# Enough of a network's operations can run in parallel to keep this many CPUs busy. If TensorFlow also divides single
# operations, that wakes threads ten thousand times in a step and takes a tenth of its time.
FEW_CPUS = 2


def usable_cpus() -> int | None:
    """Returns how many CPUs this process may use; None if the system does not say."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Not Linux.
        return os.cpu_count()
