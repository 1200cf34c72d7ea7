"""The images of a study's runs: results can be compared only if they are those of the same images."""

import json
from typing import Any

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.dataset_record import fingerprint_changes
from eoinas_tf.study.planned_run import PlannedRun
from eoinas_tf.study.search_evidence import search_folders


class RunImages:
    """Compares the images that runs recorded when they began, run by run.

    Runs of the same data set of the study file, at the same scale and with the same `--dataset`, must agree. A folder
    of images may have moved, and a version may have another number; a run that recorded no images is not compared.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, str], tuple[str, dict[str, Any]]] = {}

    def check(self, run: PlannedRun) -> None:
        """Compares a run's images with those of the first run before it.

        Args:
            run: A run that has its own folder; it need not be finished.

        Raises:
            ConfigurationError: They are other images.
        """
        for folder in search_folders(run.folder):
            try:
                stored = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
                images = {"class_names": stored["class_names"], "parts": stored["parts"], "source": {}}
            except (OSError, ValueError, LookupError, TypeError):
                continue  # A sample of random cells, a run of an earlier version, or one that has not begun.
            key = (run.data_set, run.scale, run.config.dataset or "")
            first, expected = self._first.setdefault(key, (str(folder), images))
            if images != expected:
                raise ConfigurationError(
                    f"{folder} was run on other images than {first} ({_changes(expected, images)}); find out which of "
                    "the two is right and delete the folders of the other, or name another --study_dir"
                )


def _changes(expected: dict[str, Any], images: dict[str, Any]) -> str:
    try:
        return "; ".join(fingerprint_changes(expected, images))
    except (LookupError, ValueError, TypeError, AttributeError):
        return "a dataset.json is damaged"
