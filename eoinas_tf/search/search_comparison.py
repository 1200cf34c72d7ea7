"""Whether the scores of finished searches can be compared: accuracies on parts of the images, in super networks."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.dataset_record import fingerprint_changes
from eoinas_tf.setting_paths import FOLDER_PREFIX, expanded_paths
from eoinas_tf.space.operation_names import OPERATION_NAMES

# The images, and everything besides the cell that a super network's accuracy on them depends on.
MUST_AGREE = (
    "dataset", "image_size", "operations", "cells", "depth_growth", "init_channels", "batch_size", "epochs",
    "steps_per_epoch",
)  # fmt: skip
# Settings that searches of earlier versions, or of other methods, did not have.
LATER_SETTINGS = {"operations": None, "depth_growth": None, "steps_per_epoch": None}


def check_comparable(folders: Sequence[Path], settings: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Makes sure that searches had the same images and super networks of the same kind.

    Args:
        folders: Run folders of the searches.
        settings: What the config.json of each holds.

    Returns:
        A sentence for each other difference that moves scores as well: the halves of the images that they were scored
        on, and the methods. To be shown and kept in summary.json.

    Raises:
        ConfigurationError: A setting or the images differ, so the scores cannot be compared. The message names the
            difference.
    """
    for name in MUST_AGREE:
        values = [_value(search, name) for search in settings]
        for folder, other in zip(folders, values, strict=True):
            if other != values[0]:
                raise ConfigurationError(
                    f"searches with different --{name} cannot be compared by their scores. Received: "
                    f"{_shown(values[0])} in {folders[0]} and {_shown(other)} in {folder}; choose among "
                    f"searches that have {', '.join(MUST_AGREE)} in common"
                )
    _check_images(folders)
    warnings = []
    methods = sorted({search.get("method", "eoinas") for search in settings})
    if len(methods) > 1:
        warnings.append(
            f"the searches had different methods ({', '.join(methods)}), which train super networks in different ways; "
            "that moves scores, too, so compare their cells by training runs (`eoinas study`)"
        )
    seeds = sorted({split_seed_of(search) for search in settings})
    if len(seeds) > 1:
        warnings.append(
            "the searches were scored on different halves of the images (--split_seed "
            f"{', '.join(map(str, seeds))}), which moves scores by chance; searches with one --split_seed are scored "
            "on the same images"
        )
    return tuple(warnings)


def _check_images(folders: Sequence[Path]) -> None:
    """Makes sure that a data set's name stood for the same images; searches of earlier versions did not record them."""
    known = [(folder, images) for folder in folders if (images := _fingerprint(folder)) is not None]
    for folder, images in known[1:]:
        if images != known[0][1]:
            (change, *_) = fingerprint_changes(known[0][1], images)
            raise ConfigurationError(
                f"searches on different images cannot be compared by their scores. Received: {known[0][0]} and "
                f"{folder} ({change}); choose among searches of one data set as it is"
            )


def _fingerprint(folder: Path) -> dict[str, Any] | None:
    path = folder / "dataset.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def read_search_settings(folder: Path) -> dict[str, Any]:
    """Returns the settings of a search.

    Args:
        folder: Its run folder.

    Raises:
        OSError, ValueError, KeyError, TypeError: There is no config.json, or it does not hold a search's settings.
    """
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if settings["kind"] != "SearchConfig":
        raise ValueError(f"{settings['kind']} is no search")
    settings = LATER_SETTINGS | settings
    # Earlier versions stored it as it was given, such as with a slash at its end.
    settings["dataset"] = expanded_paths("dataset", settings["dataset"], FOLDER_PREFIX)
    return {name: settings[name] for name in (*MUST_AGREE, "seed")} | settings


def split_seed_of(settings: dict[str, Any]) -> int:
    """Returns the seed that divided a search's images: the search's own seed before `split_seed` was a setting."""
    return settings.get("split_seed", settings["seed"])


def _value(settings: dict[str, Any], name: str) -> Any:
    value = settings[name]
    return sorted(value or OPERATION_NAMES) if name == "operations" else value


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
