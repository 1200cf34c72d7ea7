"""Class-balanced divisions of a labelled set, as arrays of indices."""

from collections.abc import Callable

import numpy as np

from eoinas_tf.errors import DatasetError
from eoinas_tf.random_seeds import epoch_order

HELD_OUT_PARTS = 5
# Name of the test part of a data set that comes without one.
HELD_OUT = "a fifth of train"


def class_balanced_halves(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divides images into the half that trains the weights and the half that trains alpha.

    Every class is divided in half. Of the classes with an odd number of images, the first gives its extra image to the
    weight half, the next to the architecture half, and so on, so that the sizes of the halves also differ by at most
    one.

    Args:
        labels: Integer array of shape [n], the class of each image.
        seed: The run's seed; each seed divides differently.

    Returns:
        (weight_indices, architecture_indices): sorted int64 arrays, disjoint, together 0 .. n - 1.

    Raises:
        DatasetError: There are fewer than two images, so a half would be empty.
    """
    labels = np.asarray(labels)
    if len(labels) < 2:
        raise DatasetError(
            f"a search needs at least 2 training images, one for each half. Received: {len(labels)}; add images"
        )
    halves: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    receiver_of_extra = 0
    for label in np.unique(labels):
        members = _shuffled_members(labels, label, seed, "class-balanced halves")
        middle = len(members) // 2
        if len(members) % 2:
            middle += receiver_of_extra == 0
            receiver_of_extra = 1 - receiver_of_extra
        halves[0].append(members[:middle])
        halves[1].append(members[middle:])
    return np.sort(np.concatenate(halves[0])), np.sort(np.concatenate(halves[1]))


def held_out_fifth(labels: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Holds out a fifth of every class, for sets that come without a test part.

    A class of n images gives up n / 5, rounded to the nearest, but at least one; a class with a single image keeps it.
    The default seed is fixed, so that a network's test images do not depend on the seed of the run that trained it.

    Args:
        labels: Integer array of shape [n], the class of each image.
        seed: Chooses the images to hold out.

    Returns:
        (kept, held_out): sorted int64 arrays, disjoint, together 0 .. n - 1.

    Raises:
        DatasetError: No class has two images, so nothing can be held out.
    """
    labels = np.asarray(labels)
    kept, held_out = _hold_out(
        labels, seed, "held-out fifth", lambda size: (2 * size + HELD_OUT_PARTS) // (2 * HELD_OUT_PARTS)
    )
    if not len(held_out):
        raise DatasetError(
            "no test images could be held out: at least one class needs 2 images. "
            f"Received: {len(labels)} images in {len(np.unique(labels))} classes; add images or a test part"
        )
    return kept, held_out


def held_out_fraction(labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Holds out a fraction of every class for validation.

    A class of n images gives up n * fraction, rounded to the nearest, but at least one and at most n - 1; a class with
    a single image keeps it.

    Args:
        labels: Integer array of shape [n], the class of each image.
        fraction: Fraction of every class to hold out, above 0 and below 1.
        seed: The run's seed; each seed holds out different images.

    Returns:
        (kept, held_out): sorted int64 arrays, disjoint, together 0 .. n - 1.

    Raises:
        DatasetError: No class has two images, so nothing can be held out.
    """
    labels = np.asarray(labels)
    kept, held_out = _hold_out(labels, seed, "validation images", lambda size: int(size * fraction + 0.5))
    if not len(held_out):
        raise DatasetError(
            f"--validation_fraction={fraction}: no images could be held out, for no class has two; leave it out, or "
            f"add images. Received: {len(labels)} training images in {len(np.unique(labels))} classes"
        )
    return kept, held_out


def _hold_out(
    labels: np.ndarray, seed: int, purpose: str, count_of: Callable[[int], int]
) -> tuple[np.ndarray, np.ndarray]:
    """Divides every class; `count_of` gives the number to hold out for a class size, within 1 and all but one."""
    kept, held_out = [], []
    for label in np.unique(labels):
        members = _shuffled_members(labels, label, seed, purpose)
        count = min(max(1, count_of(len(members))), len(members) - 1)
        held_out.append(members[:count])
        kept.append(members[count:])
    return np.sort(np.concatenate(kept)), np.sort(np.concatenate(held_out))


def _shuffled_members(labels: np.ndarray, label: int, seed: int, purpose: str) -> np.ndarray:
    """Returns the indices of one class's images in an order given by the seed."""
    members = np.flatnonzero(labels == label).astype(np.int64)
    return members[epoch_order(len(members), seed, f"{purpose}, class {int(label)}", 0)]
