"""Everything except settings that the bits of a run depend on: versions, threads and the CPU.

It is read before TensorFlow is loaded, from the system and the environment variables that TensorFlow reads.
"""

import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path

from eoinas_tf.cpu_threads import OPERATIONS_AT_A_TIME, THREADS_OF_AN_OPERATION, usable_cpus
from eoinas_tf.onednn import ONEDNN_VARIABLE

PACKAGES = ("tensorflow", "keras", "numpy", "scipy")
VARIABLES = (THREADS_OF_AN_OPERATION, OPERATIONS_AT_A_TIME, ONEDNN_VARIABLE)
CPU_FILE = Path("/proc/cpuinfo")


def run_environment() -> dict[str, str | int | None]:
    """Returns the contents of environment.json.

    Returns:
        Versions of Python and of packages; the kind of machine; the CPUs that this process may use, which is the number
        of threads unless a variable sets another; these variables; the CPU's model, and a digest of its instruction
        sets, which determine the kernels. `None` for unknown values.
    """
    model, instruction_sets = _cpu()
    return {
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "machine": platform.machine(),
        "usable_cpus": usable_cpus(),
        **{variable: os.environ.get(variable) for variable in VARIABLES},
        "cpu": model,
        "instruction_sets": instruction_sets,
    }


def _cpu() -> tuple[str | None, str | None]:
    """Returns the first CPU's model and a digest of its instruction sets."""
    try:
        lines = CPU_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None, None
    entries: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        entries.setdefault(name.strip(), value.strip())
    # x86, and ARM, which does not name its model there.
    model = entries.get("model name") or " ".join(
        entries[name] for name in ("CPU implementer", "CPU part") if name in entries
    )
    sets = entries.get("flags") or entries.get("Features")
    # Sorted, because the order is the kernel's, not the CPU's.
    digest = sets and hashlib.sha256(" ".join(sorted(sets.split())).encode()).hexdigest()[:16]
    return model or None, digest or None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
