"""Records of the weights that a run began with: the files that its settings name may change while it is stopped.

Each record is written at the start of a run and compared when the run continues.
"""

from typing import Any

from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.run_directory import RunDirectory


def keep_class_weights(run: RunDirectory, weights: dict[str, float] | None) -> None:
    """Keeps the class weights of a new run in `class_weights.json`; for an old run, compares them with the record.

    Args:
        run: The open run folder.
        weights: Weights by class name; None if classes are not weighted, in which case nothing is kept.

    Raises:
        RunDirectoryError: The run began with other weights, or the record cannot be read.
        StorageError: The record could not be written.
    """
    if weights is not None:
        _keep_weights(run, "class_weights", run.config.class_weights, weights)


def keep_initial_weights(run: RunDirectory, record: dict[str, str]) -> None:
    """Keeps the source and digest of a new run's initial weights in `initial_weights.json`; compares an old run's.

    Args:
        run: The open run folder.
        record: `initial_weights` and `initial_weights_sha256`.

    Raises:
        RunDirectoryError: The run began with other weights, or the record cannot be read.
        StorageError: The record could not be written.
    """
    _keep_weights(run, "initial_weights", record["initial_weights"], record)


def _keep_weights(run: RunDirectory, setting: str, source: str | None, record: dict[str, Any]) -> None:
    path = getattr(run, setting)
    if run.keep_record(path, record, lambda stored: ["weights"]):
        raise RunDirectoryError(
            f"--{setting}={source} holds other weights than those that the run in {run.path} began with "
            f"({path}); put them back to continue it, or name another --run_dir"
        )
