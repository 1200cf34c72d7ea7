"""Images in class folders: `PATH/<class>/*.png`, or `PATH/train/<class>/*.png` and a test part.

Every file is decoded once when the set is loaded, so that a damaged one is named before training, not hours later
inside the input pipeline.
"""

import logging
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from eoinas_tf.data.decoded_files import decode_files
from eoinas_tf.data.image_decoding import convert_channels, decode_to_shape
from eoinas_tf.data.image_folder_layout import LabelledFiles, find_layout
from eoinas_tf.data.image_split import ImageDataset, ImageSplit, fits_in_memory
from eoinas_tf.data.random_resized_crop import decode_crop
from eoinas_tf.data.split_indices import HELD_OUT, held_out_fifth
from eoinas_tf.errors import DatasetError

LOGGER = logging.getLogger(__name__)


def load_image_folder(
    folder: str,
    *,
    image_size: tuple[int, int] | None = None,
    resize_side: int | None = None,
    keep_originals: bool = False,
    skip_bad_images: bool = False,
) -> ImageDataset:
    """Loads a folder of class folders.

    Classes are numbered in the sorted order of their folders' names. If the folder contains `train` and `test`, or a
    validation part instead of `test`, they are used as they are; otherwise a class-balanced fifth is held out for
    testing, always the same one. See `image_folder_layout` for the names and for what else may be in the folder. Files
    are recognized as images by their content, whatever their names; photographs are turned according to their EXIF
    orientation. All images are grey if all files are, otherwise all are colour; alpha is dropped.

    Args:
        folder: Path of the folder.
        image_size: (height, width) in pixels to resize to; the images' own size if `None`.
        resize_side: Resizes by the shorter side and cuts out the middle; see `load_image_dataset`.
        keep_originals: Whether crops of training images are cut from the images as they are in the files.
        skip_bad_images: Whether files that are damaged, unreadable, not images or outside the class folders are left
            out with a warning, as long as they are at most 1 % of all files.

    Returns:
        The data set, named `folder:PATH`.

    Raises:
        MemoryExhaustedError: The memory does not suffice for one of the images.
        DatasetError: The folder is missing or not laid out like this, a file is not an image, or the images differ in
            size and no `image_size` is given.
    """
    root = existing_folder(folder)
    if root is None:
        raise DatasetError(
            f"no such folder: {folder!r}; give --dataset=folder:PATH the path of a folder of class folders"
        )
    layout = find_layout(root)
    remarks = []
    splits, image_shape, bad = _load_parts(
        layout.parts, layout.strays, image_size, resize_side, keep_originals, skip_bad_images
    )
    if layout.test_name is None:
        kept, held_out = held_out_fifth(splits[0].labels)
        splits = [splits[0].subset(kept), splits[0].subset(held_out)]
        remarks.append("a fifth of each class is held out as the test part")
    else:
        remarks.append(f"the test part is {layout.test_name}")
    if bad:
        remarks.append(f"{len(bad)} bad files left out")
    if layout.ignored:
        names = ", ".join(f"{count} {name}" for name, count in sorted(layout.ignored.items()))
        remarks.append(f"ignored {names}")
    source = {"test part": HELD_OUT if layout.test_name is None else layout.test_name}
    return ImageDataset(
        f"folder:{folder}", layout.class_names, image_shape, splits[0], splits[1], source, tuple(remarks)
    )


def existing_folder(path: str) -> Path | None:
    """Returns a folder that a user named, or `None` if there is no such folder."""
    try:
        folder = Path(path).expanduser()
        return folder if path and folder.is_dir() else None
    # `~nobody`, and names that the file system does not allow or may not show.
    except (RuntimeError, OSError):
        return None


def _load_parts(
    parts: list[LabelledFiles],
    strays: list[Path],
    image_size: tuple[int, int] | None,
    resize_side: int | None,
    keep_originals: bool,
    skip_bad_images: bool,
) -> tuple[list[ImageSplit], tuple[int, int, int], dict[Path, str]]:
    """Decodes every file of all parts and makes their splits, all of one shape; also returns the files left out."""
    paths = [path for part in parts for path in part.paths]
    decoded = decode_files(
        paths,
        image_size=image_size,
        resize_side=resize_side,
        keep_pixels=not keep_originals,
        skip_bad_images=skip_bad_images,
        strays=strays,
    )
    if decoded.bad:
        first = next(iter(decoded.bad.values()))
        LOGGER.warning(
            "--on_bad_image=skip left out %d of %d files; the first: %s",
            len(decoded.bad),
            len(paths) + len(strays),
            first,
        )
        parts = [part.without(decoded.bad) for part in parts]
    height, width = image_size or decoded.own_size
    image_shape = (int(height), int(width), 3 if decoded.is_colour else 1)
    count = sum(len(part.paths) for part in parts)
    part_digests = [np.array([decoded.digests[path] for path in part.paths], np.uint64) for part in parts]
    ends = np.cumsum([len(part.paths) for part in parts])
    ranges = [slice(end - len(part.paths), end) for part, end in zip(parts, ends, strict=True)]
    if decoded.images is None or not fits_in_memory(count, image_shape):
        orientations = np.array(decoded.orientations, np.int32)
        resize = image_size is not None
        splits = [
            _lazy_split(part, orientations[where], image_shape, resize, resize_side, digests)
            for part, where, digests in zip(parts, ranges, part_digests, strict=True)
        ]
        return splits, image_shape, decoded.bad
    pixels = np.empty((count, *image_shape), np.uint8)
    for position, image in enumerate(decoded.images):
        pixels[position] = image if image.shape[2] == image_shape[2] else convert_channels(image, image_shape[2])
    splits = [
        ImageSplit.from_pixels(pixels[where], part.labels, digests)
        for part, where, digests in zip(parts, ranges, part_digests, strict=True)
    ]
    return splits, image_shape, decoded.bad


def _lazy_split(
    part: LabelledFiles,
    orientations: np.ndarray,
    image_shape: tuple[int, int, int],
    resize: bool,
    resize_side: int | None,
    digests: np.ndarray,
) -> ImageSplit:
    """Makes a split whose files are read each time; `orientations`, int32 [n], were found while loading them."""
    return ImageSplit.from_sources(
        (np.array([os.fsencode(path) for path in part.paths], object), orientations),
        part.labels,
        lambda path, orientation: (tf.io.read_file(path), orientation),
        lambda read: decode_to_shape(read[0], image_shape, resize, resize_side, orientation=read[1]),
        image_shape,
        digests,
        crop=lambda read, draws, shape: decode_crop(read[0], draws, shape, orientation=read[1]),
    )
