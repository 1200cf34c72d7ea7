"""A data set's fingerprint: its classes, and which images, and how many, each part and class has."""

import hashlib
import itertools
import json
from typing import Any

import numpy as np

from eoinas_tf.data.image_split import ImageDataset, ImageSplit

DIGEST_BYTES = 8


def dataset_fingerprint(dataset: ImageDataset) -> dict[str, Any]:
    """Describes a data set's content; data sets with the same fingerprint train a network in the same way.

    Args:
        dataset: The data set.

    Returns:
        A JSON object: `class_names` in the order of the labels; `source`, such as a version; `parts`, with the number
        of `images` in `train` and in `test`, a `digest` of them in order, and the same two by class. The location of
        the data set is not included.
    """
    parts = {"train": dataset.train, "test": dataset.test}
    return {
        "class_names": list(dataset.class_names),
        "source": dict(dataset.source),
        "parts": {name: _part(split, dataset.num_classes) for name, split in parts.items()},
    }


def dataset_digest(dataset: ImageDataset) -> str:
    """Returns a short digest of a data set's fingerprint, for comparisons whose result needs no explanation.

    Args:
        dataset: The data set.
    """
    fingerprint = dataset_fingerprint(dataset)
    content = json.dumps(fingerprint, sort_keys=True).encode()
    return f"{len(dataset.train)} and {len(dataset.test)} images, " + _short_digest(content)


def file_digest(name: str, content: bytes) -> int:
    """Returns a 64-bit digest of a file.

    Args:
        name: Its name.
        content: Its bytes.
    """
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    # The name's length, so that no part of the name can pass for content.
    encoded = name.encode("utf-8", "surrogateescape")
    digest.update(len(encoded).to_bytes(8, "little") + encoded)
    digest.update(content)
    return int.from_bytes(digest.digest(), "little")


def pixel_digests(images: np.ndarray) -> np.ndarray:
    """Returns a 64-bit digest of each image, uint64 [n].

    Args:
        images: uint8 [n, height, width, channels].
    """
    return np.array([file_digest("", image.tobytes()) for image in images], np.uint64)


def _part(split: ImageSplit, num_classes: int) -> dict[str, Any]:
    digests = np.zeros(len(split), np.uint64) if split.image_digests is None else split.image_digests
    order = np.argsort(split.labels, kind="stable")
    bounds = np.searchsorted(split.labels[order], np.arange(num_classes + 1))
    members = [order[first:end] for first, end in itertools.pairwise(bounds)]
    return {
        "images": len(split),
        "digest": _digest(np.stack([split.labels.astype(np.uint64), digests])),
        "images_by_class": [len(indices) for indices in members],
        "digests_by_class": [_digest(digests[indices]) for indices in members],
    }


def _digest(values: np.ndarray) -> str:
    """Returns a digest of uint64 values in hexadecimal digits."""
    return _short_digest(values.astype("<u8").tobytes())


def _short_digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()
