"""The class weights that a run trains with: `class_weights.json`, written at its start, compared when it goes on."""

import json

from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.atomic_files import write_json
from eoinas_tf.experiment.run_directory import RunDirectory


def keep_class_weights(run: RunDirectory, weights: dict[str, float] | None) -> None:
    """Keeps the weights in a new run's folder, and compares them with those of an old one.

    The settings name a file, whose content may change while a run is stopped.

    Args:
        run: The open run folder.
        weights: Weights by class name; None where nothing is weighted, of which nothing is kept.

    Raises:
        RunDirectoryError: The run began with other weights, or the record cannot be read.
        StorageError: It could not be written.
    """
    if weights is None or not run.is_writer:
        return
    if not run.class_weights.exists() or run.only_begun():
        write_json(run.class_weights, weights)
        return
    try:
        stored = json.loads(run.class_weights.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunDirectoryError(
            f"{run.class_weights} cannot be read ({type(error).__name__}); name another --run_dir"
        ) from None
    if stored != weights:
        raise RunDirectoryError(
            f"--class_weights={run.config.class_weights} holds other weights than those that the run in {run.path} "
            f"began with ({run.class_weights}); put them back to continue it, or name another --run_dir"
        )
