"""The errors that a user can cause or meet, and the exit status each one ends a command with.

A command prints the message of an `EoinasError` as one line and exits with
`exit_status`; every other exception is a defect of the program and keeps its traceback.
"""


class EoinasError(Exception):
    """Base class: the message is one line that says what was wrong, what was received, and what to do."""

    exit_status = 1
    heading = "error"


class ConfigurationError(EoinasError):
    """A setting is out of range, or two settings contradict each other."""


class KerasBackendError(EoinasError, ImportError):
    """Keras runs on something other than TensorFlow in this process."""


class GenotypeError(EoinasError):
    """Something is not a genotype: unknown operation, wrong number of edges, not JSON."""


class DatasetError(EoinasError):
    """A data set is unknown, missing, empty, or contains something that is not an image."""


class WeightsError(EoinasError):
    """A file of weights cannot be read, contains something else, or does not fit the network."""


class MemoryExhaustedError(EoinasError):
    """The memory of a device or of the machine does not suffice."""


class NonFiniteError(EoinasError):
    """A loss or a gradient became NaN or infinite."""

    exit_status = 3


class RunDirectoryError(EoinasError):
    """A run directory is in use by another process or holds a run with other settings."""

    exit_status = 4


class StorageError(EoinasError):
    """A file could not be written, or no checkpoint can be read."""

    exit_status = 5


class StoppedError(EoinasError):
    """A run was asked to stop and is saved: neither an error nor the end of the run."""

    exit_status = 42
    heading = "stopped"
