"""Weights of classes in the loss: balanced by the number of training images, or a user's own from a file."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eoinas_tf.config import BALANCED
from eoinas_tf.data.image_split import ImageDataset
from eoinas_tf.errors import ConfigurationError

# Longer lists of classes are shortened in messages.
MOST_NAMED = 4


def class_weights(setting: str | None, dataset: ImageDataset) -> dict[str, float] | None:
    """Returns a weight for each class.

    Args:
        setting: None; `balanced`, n / (k * n_class) with n training images, n_class of them in the class, and k classes
            that have any (a class without training images has weight 0), as in scikit-learn; or a JSON file with an
            object that gives each class name a positive weight.
        dataset: The data set.

    Returns:
        Weights by class name, in the order of the classes; None without weighting.

    Raises:
        ConfigurationError: The file cannot be read, or does not give each class a positive weight.
    """
    if setting is None:
        return None
    if setting == BALANCED:
        counts = np.bincount(dataset.train.labels, minlength=dataset.num_classes)
        weights = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1)) * (counts > 0)
        return dict(zip(dataset.class_names, weights.tolist(), strict=True))
    return weights_of_file(setting, dataset.class_names)


def weights_of_file(path: str, class_names: Sequence[str]) -> dict[str, float]:
    """Returns the weights that a user's file gives the classes, in their order.

    Args:
        path: The JSON file.
        class_names: The classes.

    Raises:
        ConfigurationError: The file cannot be read, or does not give each class a positive weight.
    """
    given = _read(path)
    _check_names(path, "names classes that the data set does not have", set(given) - set(class_names))
    _check_names(path, "lacks a weight for", set(class_names) - set(given))
    for name, weight in given.items():
        is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not is_number or not math.isfinite(weight) or weight <= 0:
            raise ConfigurationError(
                f"--class_weights={path}: the weight of {name!r} must be a positive number. Received: {weight!r}"
            )
    return {name: float(given[name]) for name in class_names}


def loss_factors(weights: dict[str, float] | None, dataset: ImageDataset) -> np.ndarray | None:
    """Returns the factor of an image's loss for each class: the weights, divided by their mean over all images.

    The mean is over all training images, not over a batch, so that the loss of a batch is the mean of its parts' losses
    whatever classes they contain: replicas, accumulated pieces and whole batches agree, and the learning rate keeps its
    meaning, whatever the scale of the weights.

    Args:
        weights: The result of `class_weights`.
        dataset: The data set.

    Returns:
        float32 [classes], or None without weighting.
    """
    if weights is None:
        return None
    values = np.array([weights[name] for name in dataset.class_names])
    return (values / values[dataset.train.labels].mean()).astype(np.float32)


def _read(path: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_without_repetition)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"--class_weights must be {BALANCED} or a JSON file of class names and weights. Received: {path}, which "
            f"cannot be read: {reason}"
        ) from None
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"--class_weights={path} must hold one JSON object of class names and weights. Received: "
            f"{type(content).__name__}"
        )
    return content


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"{repeated!r} appears twice")
    return dict(pairs)


def _check_names(path: str, what: str, names: set[str]) -> None:
    if names:
        listed = sorted(names)
        more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
        raise ConfigurationError(
            f"--class_weights={path} {what}: {', '.join(map(repr, listed[:MOST_NAMED]))}{more}; it needs one weight "
            "for each class name of dataset.json"
        )
