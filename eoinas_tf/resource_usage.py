"""How long this process has run, and its peak memory."""

import os
import resource
import sys
import time
from pathlib import Path

_IMPORTED_AT = time.monotonic()


def seconds_since_process_start() -> float:
    """Returns the seconds since this process started; if the system does not say, since this module was imported."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return time.monotonic() - _IMPORTED_AT
    return uptime - ticks / os.sysconf("SC_CLK_TCK")


def peak_memory_gib() -> float:
    """Returns the largest resident memory of this process so far, in GiB."""
    try:
        # Not the value from getrusage, which on Linux starts at that of the parent process.
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 2**20
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        bytes_per_unit = 1 if sys.platform == "darwin" else 1024
        return peak * bytes_per_unit / 2**30
