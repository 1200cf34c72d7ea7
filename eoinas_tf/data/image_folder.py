"""Images in class folders: `PATH/<class>/*.png`, or `PATH/train/<class>/*.png` and a test part.

Every file is decoded once when the set is loaded, so that a damaged one is named before
anything is trained, and not hours later inside the input pipeline.
"""

import dataclasses
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from eoinas_tf.data.decoded_files import decode_files
from eoinas_tf.data.image_decoding import convert_channels, decode_to_shape
from eoinas_tf.data.image_split import ImageDataset, ImageSplit, fits_in_memory
from eoinas_tf.data.split_indices import HELD_OUT, held_out_fifth
from eoinas_tf.errors import DatasetError

LOGGER = logging.getLogger(__name__)

READABLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
# Refused, because leaving images out without a word would train on a part of the set.
OTHER_IMAGE_SUFFIXES = (".webp", ".tif", ".tiff", ".avif", ".heic", ".ppm", ".pgm")
TEST_FOLDERS = ("test", "val", "validation")


@dataclasses.dataclass(frozen=True)
class _LabelledFiles:
    """Image files in the order of their classes and names, with their labels."""

    paths: list[Path]
    labels: np.ndarray

    def without(self, bad: set[Path]) -> "_LabelledFiles":
        """Returns what is left; raises a DatasetError where that is nothing of a class."""
        is_kept = np.array([path not in bad for path in self.paths], bool)
        for label in np.setdiff1d(self.labels, self.labels[is_kept]):
            class_folder = self.paths[int(np.argmax(self.labels == label))].parent
            raise DatasetError(f"no file in the class folder {class_folder} can be used; replace them, or remove it")
        return _LabelledFiles([path for path in self.paths if path not in bad], self.labels[is_kept])


def load_image_folder(
    folder: str,
    *,
    image_size: tuple[int, int] | None = None,
    resize_side: int | None = None,
    keep_originals: bool = False,
    skip_bad_images: bool = False,
) -> ImageDataset:
    """Loads a folder of class folders.

    Classes are numbered in the sorted order of their folders' names. With `train` and one of
    `test`, `val` and `validation` (the first of these that is there) inside, they are used as they
    are; otherwise a class-balanced fifth is held out for testing, the same one every time. Hidden
    files and files without an image's suffix are left out. All images are grey if all files
    are, otherwise all are colour; alpha is dropped.

    Args:
        folder: Path of the folder.
        image_size: (height, width) in pixels to resize to; the images' own size if `None`.
        resize_side: Resizes by the shorter side and cuts out the middle; see `load_image_dataset`.
        keep_originals: Whether crops of training images are cut out of the files' images.
        skip_bad_images: Whether files that are not images, damaged or not readable are left out, with a
            warning, as long as they are at most 1 % of all files.

    Returns:
        The data set, named `folder:PATH`.

    Raises:
        DatasetError: The folder is not there or not laid out like this, a file is not an image,
            or the images differ in size and no `image_size` is given.
    """
    root = existing_folder(folder)
    if root is None:
        raise DatasetError(
            f"no such folder: {folder!r}; give --dataset=folder:PATH the path of a folder of class folders"
        )
    train_root, test_root = _parts(root)
    class_names = tuple(path.name for path in _class_folders(train_root))
    if len(class_names) < 2:
        raise DatasetError(
            f"at least 2 class folders are needed in {train_root}. Received: {len(class_names)}"
            f"{_in_brackets(class_names)}; put each class's images into a folder of its own"
        )
    if set(class_names) <= {"train", *TEST_FOLDERS}:
        raise DatasetError(
            f"no class folders in {root / class_names[0]}, nor in {root / class_names[1]}; "
            "put each class's images into a folder of its own inside them"
        )
    parts = [_labelled_files(train_root, class_names)]
    if test_root is not None:
        _check_test_classes(test_root, class_names)
        parts.append(_labelled_files(test_root, class_names))
    splits, image_shape = _load_parts(parts, image_size, resize_side, keep_originals, skip_bad_images)
    if test_root is None:
        kept, held_out = held_out_fifth(splits[0].labels)
        splits = [splits[0].subset(kept), splits[0].subset(held_out)]
    source = {"test part": HELD_OUT if test_root is None else test_root.name}
    return ImageDataset(f"folder:{folder}", class_names, image_shape, splits[0], splits[1], source)


def existing_folder(path: str) -> Path | None:
    """Returns a folder that a user named, or `None` where the name leads to none."""
    try:
        folder = Path(path).expanduser()
        return folder if path and folder.is_dir() else None
    # `~nobody`, and names that the file system does not take or may not show.
    except (RuntimeError, OSError):
        return None


def _parts(root: Path) -> tuple[Path, Path | None]:
    """Returns the folders that hold the training and the test classes; `None` where no test part is."""
    train_root = root / "train"
    # A folder `train` that holds images and no folders is a class that happens to be called train.
    if not train_root.is_dir() or not _class_folders(train_root):
        return root, None
    tests = [root / name for name in TEST_FOLDERS if (root / name).is_dir()]
    return train_root, tests[0] if tests else None


def _class_folders(root: Path) -> list[Path]:
    return [path for path in _visible(root) if path.is_dir()]


def _visible(folder: Path) -> list[Path]:
    """Lists what is in a folder and not hidden in sorted order, so that the file system's order does not matter."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DatasetError(f"cannot read the folder {folder}: {error.strerror}; allow it, or remove it") from error


def _check_test_classes(test_root: Path, class_names: tuple[str, ...]) -> None:
    test_names = [path.name for path in _class_folders(test_root)]
    unknown = sorted(set(test_names) - set(class_names))
    if unknown:
        raise DatasetError(
            f"classes in {test_root} that the training part does not have: {', '.join(unknown)}; "
            f"the training part has {', '.join(class_names[:10])}{', ...' if len(class_names) > 10 else ''}"
        )
    if not test_names:
        raise DatasetError(f"no class folders in {test_root}; add them, or remove it to have a fifth held out")


def _labelled_files(root: Path, class_names: tuple[str, ...]) -> _LabelledFiles:
    """Lists a part's image files in sorted order. A class may be missing from it, but not be empty."""
    paths, labels = [], []
    for label, class_name in enumerate(class_names):
        class_folder = root / class_name
        if not class_folder.is_dir():
            continue
        # Not `is_file`: a broken link should be named as a file that cannot be read.
        visible = [path for path in _visible(class_folder) if not path.is_dir()]
        for path in visible:
            if path.suffix.lower() in OTHER_IMAGE_SUFFIXES:
                raise DatasetError(f"cannot read {path}: convert {path.suffix} images to PNG or JPEG")
        images = [path for path in visible if path.suffix.lower() in READABLE_SUFFIXES]
        if not images:
            raise DatasetError(
                f"no images in the class folder {class_folder}; add {', '.join(READABLE_SUFFIXES)} files, or remove it"
            )
        paths.extend(images)
        labels.extend([label] * len(images))
    return _LabelledFiles(paths, np.array(labels, np.int32))


def _load_parts(
    parts: list[_LabelledFiles],
    image_size: tuple[int, int] | None,
    resize_side: int | None,
    keep_originals: bool,
    skip_bad_images: bool,
) -> tuple[list[ImageSplit], tuple[int, int, int]]:
    """Decodes every file of all parts and makes their splits, all with one shape."""
    paths = [path for part in parts for path in part.paths]
    decoded = decode_files(
        paths,
        image_size=image_size,
        resize_side=resize_side,
        keep_pixels=not keep_originals,
        skip_bad_images=skip_bad_images,
    )
    if decoded.bad:
        first = next(iter(decoded.bad.values()))
        LOGGER.warning(
            "--on_bad_image=skip left out %d of %d files; the first: %s", len(decoded.bad), len(paths), first
        )
        parts = [part.without(set(decoded.bad)) for part in parts]
    height, width = image_size or decoded.own_size
    image_shape = (int(height), int(width), 3 if decoded.is_colour else 1)
    count = sum(len(part.paths) for part in parts)
    part_digests = [np.array([decoded.digests[path] for path in part.paths], np.uint64) for part in parts]
    if decoded.images is None or not fits_in_memory(count, image_shape):
        resize = image_size is not None
        return [
            _lazy_split(part, image_shape, resize, resize_side, digests)
            for part, digests in zip(parts, part_digests, strict=True)
        ], image_shape
    pixels = np.empty((count, *image_shape), np.uint8)
    for position, image in enumerate(decoded.images):
        pixels[position] = image if image.shape[2] == image_shape[2] else convert_channels(image, image_shape[2])
    first_of_part = np.cumsum([0] + [len(part.paths) for part in parts])
    return [
        ImageSplit.from_pixels(pixels[start : start + len(part.paths)], part.labels, digests)
        for start, part, digests in zip(first_of_part, parts, part_digests, strict=False)
    ], image_shape


def _lazy_split(
    part: _LabelledFiles,
    image_shape: tuple[int, int, int],
    resize: bool,
    resize_side: int | None,
    digests: np.ndarray,
) -> ImageSplit:
    return ImageSplit.from_sources(
        [os.fsencode(path) for path in part.paths],
        part.labels,
        tf.io.read_file,
        lambda encoded: decode_to_shape(encoded, image_shape, resize, resize_side),
        image_shape,
        digests,
    )


def _in_brackets(names: Iterable[str]) -> str:
    text = ", ".join(names)
    return f" ({text})" if text else ""
