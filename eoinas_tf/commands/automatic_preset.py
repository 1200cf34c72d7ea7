"""`--preset=auto`: derives settings that are not given from the images, the machine and the time budget."""

import itertools
import sys
from collections.abc import Set
from pathlib import Path
from typing import Any

from eoinas_tf.commands.lean_imports import lean_imports
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.report.settings_as_flags import flag_text
from eoinas_tf.preset_files import AUTOMATIC, FLAG
from eoinas_tf.setting_paths import FOLDER_PREFIX, expanded_paths
from eoinas_tf.training.automatic_sizes import SEARCH, TRAINING, Images, kept_settings, recommended_settings

LARGEST_SIDE = 64


def for_search(values: dict[str, Any], given: Set[str]) -> dict[str, Any]:
    """Fills in the settings of a search that were not given; see `with_automatic_settings`."""
    return with_automatic_settings(SEARCH, values, given)


def for_training(values: dict[str, Any], given: Set[str]) -> dict[str, Any]:
    """Fills in the settings of a training run that were not given; see `with_automatic_settings`."""
    return with_automatic_settings(TRAINING, values, given)


def with_automatic_settings(kind: str, values: dict[str, Any], given: Set[str]) -> dict[str, Any]:
    """Fills in settings that were not given, by rules or with those that the run began with; prints them to stderr.

    Args:
        kind: `search` or `training`.
        values: A value for each setting; their combination has not been checked yet.
        given: The settings that are determined: given on the command line or in a flagfile, or taken from the run of
            the genotype or of the initial weights.

    Returns:
        The settings.

    Raises:
        EoinasError: The images cannot be found.
    """
    dataset = expanded_paths("dataset", values["dataset"], FOLDER_PREFIX)
    with lean_imports():
        from eoinas_tf.data.image_outline import count_training_images, outline_images
    size = values["image_size"]
    if "image_size" not in given and dataset.startswith(FOLDER_PREFIX):
        size = fitting_size(Path(dataset.removeprefix(FOLDER_PREFIX)))
    (height, width, _), classes = outline_images(dataset, values["data_dir"], size)
    count = count_training_images(dataset, values["data_dir"], values["download"])
    images = Images(count, height, width, classes)
    hours = None if values["hours"] is None else values["hours"] / values.get("num_seeds", 1)
    named = {name: values.get(name) for name in ("method", "optimizer", "stem")}
    recommended = recommended_settings(kind, images, hours, **named)
    chosen = kept_settings(values["run_dir"], {"image_size": size, **recommended})
    chosen = {name: value for name, value in chosen.items() if name not in given and value is not None}
    if not values["quiet"]:
        print(
            f"--{FLAG}={AUTOMATIC} for {images}: {' '.join(itertools.starmap(flag_text, chosen.items()))}",
            file=sys.stderr,
        )
    return {**values, **chosen}


def fitting_size(root: Path) -> tuple[int, int] | None:
    """Returns an image size for a folder; None if the images' own size is suitable.

    Args:
        root: The folder.

    Raises:
        EoinasError: It is not a folder of class folders.
    """
    from eoinas_tf.data.image_folder_layout import find_layout
    from eoinas_tf.data.suggested_size import header_shapes, suggested_side

    if not root.is_dir():
        raise ConfigurationError(f"FOLDER must be a folder of class folders. Received: {root}")
    shapes = header_shapes(find_layout(root).parts[0].paths)
    is_one_size = len({shape[:2] for shape in shapes}) == 1
    if not shapes or (is_one_size and max(shapes[0][:2]) <= LARGEST_SIDE):
        return None
    return (min(LARGEST_SIDE, suggested_side(shapes)),) * 2
