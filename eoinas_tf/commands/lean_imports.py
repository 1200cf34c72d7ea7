"""Imports TensorFlow and Keras in half the time, at the start of a program."""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator

from eoinas_tf.keras_backend import choose_tensorflow
from eoinas_tf.quiet_logging import held_back_library_logs

# If they are installed, Keras imports these for features that this package does not use.
EXTRAS_OF_KERAS = ("matplotlib", "sklearn")


@contextlib.contextmanager
def lean_imports() -> Iterator[None]:
    """Imports Keras and TensorFlow without extras and log lines; garbage collection is off until the block ends.

    Importing TensorFlow creates a million objects but no garbage: without collections it takes a quarter less time.
    Objects alive at the end are excluded from all later collections too, so that tracing takes a twentieth less time.
    """
    choose_tensorflow()
    # For the lines that TensorFlow logs after its import; the user's own level has priority.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with held_back_library_logs(), hidden(EXTRAS_OF_KERAS):
            import keras  # noqa: F401
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def hidden(packages: tuple[str, ...]) -> Iterator[None]:
    """Makes packages that are not imported yet look as if they were not installed.

    Args:
        packages: Their names.
    """
    unimported = [package for package in packages if package not in sys.modules]
    for package in unimported:
        sys.modules[package] = None  # type: ignore[assignment]  # Python's mark for a module that cannot be imported.
    try:
        yield
    finally:
        for package in unimported:
            del sys.modules[package]
