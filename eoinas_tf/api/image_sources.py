"""The images that Python users can pass: arrays, a `tf.data.Dataset`, a folder, a name from TensorFlow Datasets."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from eoinas_tf.config import ARRAYS
from eoinas_tf.data.dataset_fingerprint import pixel_digests
from eoinas_tf.data.image_arrays import as_label_array, images_from_arrays, pixels_of
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.data.image_resizing import image_fitter
from eoinas_tf.data.unsupported_tasks import SEVERAL_LABELS, other_task_error
from eoinas_tf.errors import DatasetError
from eoinas_tf.setting_paths import FOLDER_PREFIX

SOURCES = "(x, y) arrays, a tf.data.Dataset of (image, label), a folder of class folders, or a name"
PATH_STARTS = ("/", "./", "../", "~")


def find_images(
    data: Any,
    *,
    test_data: Any = None,
    class_names: Sequence[str] | None = None,
    image_size: tuple[int, int] | None = None,
    resize_side: int | None = None,
) -> tuple[str, ImageDataset | None]:
    """Turns the user's data into the setting `dataset` and, if it is in memory, the images themselves.

    Arrays keep their order. The examples of a `tf.data.Dataset` get one that follows from their pixels, so that the
    images that are held out do not depend on its shuffling.

    Args:
        data: See `SOURCES`. A folder is a path or `folder:PATH`; a name is `digits` or one of TensorFlow Datasets.
        test_data: Test images of the same kind, for arrays and `tf.data`; by default a fifth of `data` is held out.
        class_names: A name for each class, for arrays and `tf.data`.
        image_size: (height, width) in pixels to resize to.
        resize_side: See the setting.

    Returns:
        The setting's value, and the images; None if the setting says where they are.

    Raises:
        DatasetError: It is none of these.
    """
    if isinstance(data, (str, os.PathLike)):
        if test_data is not None or class_names is not None:
            raise DatasetError("a folder or a name brings its own test part and classes; leave out test_data and names")
        return _name_of(data), None
    images, labels = _arrays_of(data, image_size, resize_side)
    test = None if test_data is None else _arrays_of(test_data, image_size, resize_side)
    dataset = images_from_arrays(
        images, labels, test=test, class_names=class_names, image_size=image_size, resize_side=resize_side
    )
    return ARRAYS, dataset


def _name_of(data: str | os.PathLike) -> str:
    text = os.fspath(data)
    # Names from TensorFlow Datasets may also contain a slash.
    is_path = not isinstance(data, str) or text.startswith(PATH_STARTS) or Path(text).is_dir()
    return f"{FOLDER_PREFIX}{text}" if is_path else text


def _arrays_of(data: Any, image_size: tuple[int, int] | None, resize_side: int | None) -> tuple[Any, Any]:
    if isinstance(data, tf.data.Dataset):
        return _collected(data, image_size, resize_side)
    if isinstance(data, (tuple, list)) and len(data) == 2:
        return data[0], data[1]
    raise DatasetError(f"images must be {SOURCES}. Received: {type(data).__name__}")


def _collected(
    data: tf.data.Dataset, image_size: tuple[int, int] | None, resize_side: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Reads a finite dataset of pairs, batched or not, into arrays, in an order that follows from its content."""
    specs = data.element_spec
    # A different number for each image, or several names.
    several = (tf.RaggedTensorSpec, tf.SparseTensorSpec, dict, tuple)
    if isinstance(specs, tuple) and len(specs) == 2 and isinstance(specs[1], several):
        raise other_task_error(SEVERAL_LABELS, f"labels {specs[1]}")
    if not (isinstance(specs, tuple) and len(specs) == 2 and all(isinstance(spec, tf.TensorSpec) for spec in specs)):
        raise DatasetError(
            "a tf.data.Dataset must yield (image, label) pairs; TensorFlow Datasets does with as_supervised=True. "
            f"Received: {specs}"
        )
    if data.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise DatasetError("a tf.data.Dataset must be finite; leave out repeat()")
    examples: list[tuple[tuple, np.ndarray, Any]] = []
    fit = None if image_size is None else image_fitter(image_size, resize_side)
    for image, label in _single_examples(data):
        pixels = pixels_of(image[np.newaxis], "the images of a tf.data.Dataset")
        # By the pixels before they are resized: the same images are held out whatever the size.
        text = label.decode(errors="replace") if isinstance(label, bytes) else str(label)
        place = (pixel_digests(pixels)[0], pixels.shape, text)
        examples.append((place, pixels[0] if fit is None else fit(pixels[0]).numpy(), label))
    examples.sort(key=lambda example: example[0])
    shapes = {image.shape for _, image, _ in examples}
    if len(shapes) != 1:
        raise DatasetError(
            "the images of a tf.data.Dataset must be of one shape; give image_size=(height, width). "
            f"Received: {', '.join(map(str, sorted(shapes)[:3])) or 'no images'}"
        )
    return np.stack([image for _, image, _ in examples]), as_label_array([label for *_, label in examples])


def _single_examples(data: tf.data.Dataset) -> Iterator[tuple[np.ndarray, Any]]:
    image, label = (spec.shape for spec in data.element_spec)
    # A single image with so many channels is none, so it is a batch of images without a channel axis.
    is_batched = image.rank == 4 or (image.rank == 3 and image[-1] not in (None, 1, 3) and label.rank != 0)
    for image, label in data.as_numpy_iterator():
        if is_batched:
            yield from zip(image, label, strict=True)
        else:
            yield image, label
