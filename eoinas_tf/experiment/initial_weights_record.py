"""The weights that a run began with: `initial_weights.json`, written at its start, compared when it resumes."""

from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.run_directory import RunDirectory


def keep_initial_weights(run: RunDirectory, record: dict[str, str]) -> None:
    """Keeps the origin and the digest of the weights, or compares both with an old run's.

    The settings only name a folder or a file, whose weights may change while a run is stopped.

    Args:
        run: The open run folder.
        record: `initial_weights` and `initial_weights_sha256`.

    Raises:
        RunDirectoryError: The run began with other weights, or the record cannot be read.
        StorageError: It could not be written.
    """
    if run.keep_record(run.initial_weights, record, lambda stored: ["weights"]):
        raise RunDirectoryError(
            f"--initial_weights={record['initial_weights']} holds other weights than those that the run in {run.path} "
            f"began with ({run.initial_weights}); put them back to continue it, or name another --run_dir"
        )
