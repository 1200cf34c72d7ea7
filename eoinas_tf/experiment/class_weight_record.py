"""The class weights that a run trains with: `class_weights.json`, written at its start, compared when it resumes."""

from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.run_directory import RunDirectory


def keep_class_weights(run: RunDirectory, weights: dict[str, float] | None) -> None:
    """Keeps the weights in a new run's folder, or compares them with an old run's.

    The settings only name a file, whose content may change while a run is stopped.

    Args:
        run: The open run folder.
        weights: Weights by class name; None without weighting, when nothing is kept.

    Raises:
        RunDirectoryError: The run began with other weights, or the record cannot be read.
        StorageError: It could not be written.
    """
    if weights is not None and run.keep_record(run.class_weights, weights, lambda stored: ["weights"]):
        raise RunDirectoryError(
            f"--class_weights={run.config.class_weights} holds other weights than those that the run in {run.path} "
            f"began with ({run.class_weights}); put them back to continue it, or name another --run_dir"
        )
