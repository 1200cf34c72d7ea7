"""OneDNN's kernels for x86 CPUs, which TensorFlow turns on by itself only on some of them.

TensorFlow leaves oneDNN off where a CPU has no instructions for neural networks, but the search and the training are
faster with it there too (`docs/performance_log.md`).
"""

import os
import platform

ONEDNN_VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
# As Linux and macOS, and as Windows, name them.
X86_NAMES = ("x86_64", "amd64")


def turn_on_onednn() -> None:
    """Lets TensorFlow compute with oneDNN on an x86 CPU; call this before TensorFlow is imported.

    The environment variable TF_ENABLE_ONEDNN_OPTS, if set, overrides this choice.
    """
    if platform.machine().lower() in X86_NAMES:
        os.environ.setdefault(ONEDNN_VARIABLE, "1")
