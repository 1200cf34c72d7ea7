"""Images that are already in memory, as arrays: `(x, y)`."""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from eoinas_tf.config import ARRAYS
from eoinas_tf.data.dataset_fingerprint import pixel_digests
from eoinas_tf.data.image_resizing import fit_pixels
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.data.split_indices import HELD_OUT, held_out_fifth
from eoinas_tf.data.unsupported_tasks import refuse_other_tasks
from eoinas_tf.errors import DatasetError

GIVEN = "given"


def images_from_arrays(
    images: Any,
    labels: Any,
    *,
    test: tuple[Any, Any] | None = None,
    class_names: Sequence[str] | None = None,
    image_size: tuple[int, int] | None = None,
    resize_side: int | None = None,
) -> ImageDataset:
    """Makes a data set from arrays.

    Args:
        images: [n, height, width] or [n, height, width, 1 or 3]: whole numbers from 0 to 255 of any type.
        labels: Integers from 0, [n] or [n, 1], or strings, whose sorted values are then the classes.
        test: Images and labels of the test part, likewise; by default a class-balanced fifth is held out, always the
            same one.
        class_names: A name for each class, if labels are integers; by default their indices.
        image_size: (height, width) in pixels to resize to; the images' own size if `None`.
        resize_side: Resizes by the shorter side and cuts out the middle; see `load_image_dataset`.

    Returns:
        The data set, named `arrays`.

    Raises:
        DatasetError: The arrays do not hold labelled images.
    """
    train_images, train_labels = pixels_of(images, "x"), labels_of(labels, "y")
    _check_lengths(train_images, train_labels, "x and y")
    test_images = test_labels = None
    if test is not None:
        test_images, test_labels = pixels_of(test[0], "the test x"), labels_of(test[1], "the test y")
        _check_lengths(test_images, test_labels, "the test x and y")
        shapes = f"Received: {test_images.shape[1:]} and {train_images.shape[1:]}"
        if test_images.shape[3] != train_images.shape[3]:
            raise DatasetError(f"the test images have another number of channels than the training images. {shapes}")
        if test_images.shape[1:] != train_images.shape[1:] and image_size is None:
            raise DatasetError(
                "the test images have another shape than the training images; give image_size=(height, width). "
                f"{shapes}"
            )
    names, indices, test_indices = _classes(train_labels, test_labels, class_names)

    def split(pixels: np.ndarray, class_indices: np.ndarray) -> ImageSplit:
        digests = pixel_digests(pixels)
        if image_size is not None:
            pixels = fit_pixels(pixels, image_size, resize_side)
        return ImageSplit.from_pixels(pixels, class_indices, digests)

    if test_images is not None and test_indices is not None:
        train, tests, source = split(train_images, indices), split(test_images, test_indices), GIVEN
    else:
        kept, held_out = held_out_fifth(indices)
        train, tests = split(train_images[kept], indices[kept]), split(train_images[held_out], indices[held_out])
        source = HELD_OUT
    height, width = image_size or train_images.shape[1:3]
    shape = (int(height), int(width), int(train_images.shape[3]))
    return ImageDataset(ARRAYS, names, shape, train, tests, {"test part": source})


def pixels_of(images: Any, name: str = "x") -> np.ndarray:
    """Returns images as uint8 [n, height, width, channels].

    Args:
        images: The user's images.
        name: Their name in messages.

    Raises:
        DatasetError: They are not images with 8-bit values.
    """
    try:
        pixels = np.asarray(images)
    except ValueError:  # A list of images of several shapes.
        raise DatasetError(
            f"{name} must hold images of one shape. Received: {len(images)} images of several shapes; resize them first"
        ) from None
    if pixels.ndim == 3:
        pixels = pixels[..., np.newaxis]
    if pixels.ndim != 4 or pixels.shape[-1] not in (1, 3) or not len(pixels):
        raise DatasetError(
            f"{name} must be images, [n, height, width] or [n, height, width, 1 or 3]. "
            f"Received: shape {np.asarray(images).shape}"
        )
    if pixels.dtype == np.uint8:
        return pixels
    if not np.issubdtype(pixels.dtype, np.number) or np.issubdtype(pixels.dtype, np.complexfloating):
        raise DatasetError(f"{name} must hold whole numbers from 0 to 255. Received: type {pixels.dtype}")
    converted = np.clip(np.nan_to_num(pixels), 0, 255).astype(np.uint8)
    if not np.array_equal(converted, pixels):
        # Resizing, such as that of keras.utils.image_dataset_from_directory, gives fractions.
        is_fraction = pixels.min() >= 0 and 1 < pixels.max() <= 255
        advice = "of fractions make x.round()" if is_fraction else "of values from 0 to 1 make (255 * x).round()"
        raise DatasetError(
            f"{name} must hold whole numbers from 0 to 255; {advice}. "
            f"Received: {pixels.dtype} from {pixels.min():g} to {pixels.max():g}"
        )
    return converted


def as_label_array(labels: Any) -> np.ndarray:
    """Returns labels as an array; an object array if images have different numbers of labels."""
    try:
        return np.asarray(labels)
    except ValueError:
        array = np.empty(len(labels), object)
        array[:] = [list(np.ravel(label)) for label in labels]
        return array


def labels_of(labels: Any, name: str = "y") -> np.ndarray:
    """Returns labels as integers or strings, [n].

    Args:
        labels: The user's labels: integers from 0, [n] or [n, 1], or strings, which may be UTF-8 bytes.
        name: Their name in messages.

    Raises:
        DatasetError: They are not one label for each image.
    """
    array = as_label_array(labels)
    refuse_other_tasks(array, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        raise DatasetError(f"{name} must be class indices, [n]; of one-hot rows make y.argmax(axis=1)")
    if array.dtype.kind == "S" or (array.dtype == object and any(isinstance(label, bytes) for label in array)):
        array = _decoded(array, name)
    is_text = array.dtype.kind == "U" or (array.dtype == object and all(isinstance(label, str) for label in array))
    if array.ndim != 1 or not (is_text or np.issubdtype(array.dtype, np.integer)):
        raise DatasetError(
            f"{name} must be integers or texts, [n]. Received: shape {array.shape} of type {array.dtype}"
        )
    if not is_text and len(array) and array.min() < 0:
        raise DatasetError(f"{name} must be class indices from 0. Received: {array.min()}")
    return array.astype(str) if is_text else array


def _decoded(labels: np.ndarray, name: str) -> np.ndarray:
    """Returns labels with bytes as texts."""
    try:
        return np.array([label.decode() if isinstance(label, bytes) else label for label in labels.tolist()])
    except UnicodeDecodeError as error:
        raise DatasetError(f"{name} must hold UTF-8 texts: {error}") from None


def _check_lengths(images: np.ndarray, labels: np.ndarray, what: str) -> None:
    if len(images) != len(labels):
        raise DatasetError(f"{what} must be of one length. Received: {len(images)} and {len(labels)}")


def _classes(
    labels: np.ndarray, test_labels: np.ndarray | None, class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray | None]:
    """Returns the classes' names and the labels of both parts as class indices."""
    is_text = labels.dtype.kind == "U"
    if test_labels is not None and (test_labels.dtype.kind == "U") != is_text:
        raise DatasetError("y must be integers in both parts, or texts in both parts")
    if is_text:
        if class_names is not None and list(class_names) != sorted(set(class_names)):
            raise DatasetError("if y holds texts, class_names are their sorted values; leave class_names out")
        names = tuple(class_names) if class_names is not None else tuple(sorted(set(labels.tolist())))
        indices = {name: index for index, name in enumerate(names)}
        return (
            _checked(names),
            _class_indices(labels, indices),
            None if test_labels is None else _class_indices(test_labels, indices),
        )
    parts = [part for part in (labels, test_labels) if part is not None]
    highest = max(int(part.max()) for part in parts)
    if class_names is None:
        _check_numbering(np.unique(np.concatenate(parts)))
        class_names = [str(index) for index in range(highest + 1)]
    elif len(class_names) <= highest:
        raise DatasetError(f"class_names needs {highest + 1} names, one for each class. Received: {len(class_names)}")
    return (
        _checked(tuple(map(str, class_names))),
        labels.astype(np.int32),
        None if test_labels is None else test_labels.astype(np.int32),
    )


def _check_numbering(found: np.ndarray) -> None:
    """Refuses labels that leave out numbers, such as years: the network would have a class for each of these.

    Args:
        found: The different labels, ascending, int [classes].
    """
    missing = np.flatnonzero(found != np.arange(len(found)))
    if missing.size:
        raise DatasetError(
            f"y must number its classes from 0 without gaps, and has no image of class {missing[0]}; give texts, such "
            "as np.asarray(y).astype(str), for the training and the test part, or class_names with a name for each "
            "number from 0 on. "
            f"Received: {', '.join(map(str, found[:5]))}{', ...' if len(found) > 5 else ''}"
        )


def _checked(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) < 2:
        raise DatasetError(f"there must be two classes or more. Received: {', '.join(names) or 'none'}")
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise DatasetError(f"class_names must differ from each other. Received: {repeated!r} more than once")
    return names


def _class_indices(labels: np.ndarray, indices: dict[str, int]) -> np.ndarray:
    unknown = sorted(set(labels.tolist()) - indices.keys())
    if unknown:
        raise DatasetError(f"y holds a class that is not known: {unknown[0]!r}; known: {', '.join(indices)}")
    return np.array([indices[label] for label in labels.tolist()], np.int32)


def refuse_arrays(location: str = "", **_: Any) -> NoReturn:
    """Refuses a command for the data set of a run that was started in Python.

    Raises:
        DatasetError: Always.
    """
    raise DatasetError(
        f"--dataset={ARRAYS} stands for arrays that were given in Python; continue the run with the same call of "
        "eoinas_tf.search or eoinas_tf.train, or name a folder or a data set"
    )
