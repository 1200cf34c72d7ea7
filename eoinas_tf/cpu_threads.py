"""The CPUs that this process may use, and how many threads share the work of one operation of TensorFlow."""

import os

THREADS_OF_AN_OPERATION = "TF_NUM_INTRAOP_THREADS"
OPERATIONS_AT_A_TIME = "TF_NUM_INTEROP_THREADS"
# Of a network's operations, enough can run beside each other to keep so few CPUs busy. Sharing out single ones, which
# TensorFlow does too, wakes threads ten thousand times in a step and takes a tenth of its time.
FEW_CPUS = 2


def usable_cpus() -> int | None:
    """Returns how many CPUs this process may use; None where the system does not tell."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Not Linux.
        return os.cpu_count()
