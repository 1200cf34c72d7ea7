"""Decodes every file of a data set once, before anything is trained, and decides what is done about bad ones.

A damaged file is named then, and not hours later inside the input pipeline, where only its bytes are known.
"""

import concurrent.futures
import dataclasses
import stat
from pathlib import Path

import numpy as np
import tensorflow as tf

from eoinas_tf.data.dataset_fingerprint import file_digest
from eoinas_tf.data.image_decoding import convert_channels, decode_image, fit_images
from eoinas_tf.data.image_headers import declared_pixels, has_colour_palette
from eoinas_tf.data.image_split import fits_in_memory
from eoinas_tf.errors import DatasetError
from eoinas_tf.processors import usable_processors

# 10,000x10,000: 300 MB in colour, and the same again while it is converted.
MOST_PIXELS = 100_000_000
MOST_BYTES = 2**30
# More are a sign that something else is wrong than a damaged file or two.
LARGEST_SKIPPED_PART = 0.01


@dataclasses.dataclass
class DecodedFiles:
    """What decoding every file of a data set shows.

    Attributes:
        images: The images without alpha, resized where asked to; `None` where they are not to be kept or too many.
        own_size: (height, width) of the first image.
        is_colour: Whether any image is.
        bad: The files that are left out, in order, and what is wrong with each.
        digests: 64 bits for each file that could be read, which change with its name or content.
    """

    images: list[np.ndarray] | None
    own_size: tuple[int, int] = (0, 0)
    is_colour: bool = False
    bad: dict[Path, str] = dataclasses.field(default_factory=dict)
    digests: dict[Path, int] = dataclasses.field(default_factory=dict)


def decode_files(
    paths: list[Path],
    *,
    image_size: tuple[int, int] | None,
    resize_side: int | None,
    keep_pixels: bool,
    skip_bad_images: bool,
) -> DecodedFiles:
    """Decodes files in parallel, in order, up to the first one that is refused.

    Which files are left out is decided here and not as they come: that would change the number of steps, and a
    continued run would not be an uninterrupted one.

    Args:
        paths: The files.
        image_size: (height, width) in pixels to resize to; if `None`, all must have one size.
        resize_side: Resizes by the shorter side and cuts out the middle; see `fit_images`.
        keep_pixels: Whether the images are wanted, where they fit into memory.
        skip_bad_images: Whether files that cannot be read as images are left out.

    Raises:
        DatasetError: A file cannot be read as an image, more than 1 % where they are left out, or the images
            differ in size and no `image_size` is given.
    """
    found = DecodedFiles([] if keep_pixels else None)
    first_image = None

    def decode(path: Path) -> tuple[tuple[int, int], np.ndarray] | DatasetError:
        try:
            encoded = _read_file(path)
            found.digests[path] = file_digest(path.name, encoded)
            return _decode_file(path, encoded, image_size, resize_side)
        except DatasetError as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, usable_processors() or 1)) as executor:
        # Chunks, so that few files are decoded in vain where one is refused.
        for start in range(0, len(paths), 256):
            chunk = paths[start : start + 256]
            for path, outcome in zip(chunk, executor.map(decode, chunk), strict=True):
                if isinstance(outcome, DatasetError):
                    if not skip_bad_images:
                        raise outcome
                    found.bad[path] = str(outcome)
                    _refuse_many(found.bad, len(paths))
                    continue
                size, image = outcome
                if first_image is None:
                    first_image, found.own_size = path, size
                if image_size is None and size != found.own_size:
                    raise DatasetError(
                        f"the images differ in size: {first_image} is {found.own_size[0]},{found.own_size[1]} "
                        f"(height,width) and {path} is {size[0]},{size[1]}; give --image_size=H,W to resize them"
                    )
                found.is_colour |= image.shape[2] == 3
                if found.images is not None:
                    found.images.append(image)
                    if not fits_in_memory(len(found.images), image.shape):
                        found.images = None
    return found


def _refuse_many(bad: dict[Path, str], count: int) -> None:
    """Raises a DatasetError where more files are bad than may be left out."""
    if len(bad) > LARGEST_SKIPPED_PART * count:
        raise DatasetError(
            f"more than {100 * LARGEST_SKIPPED_PART:g} % of {count} files cannot be read as images, too many for "
            f"--on_bad_image=skip; the first: {next(iter(bad.values()))}"
        )


def _decode_file(
    path: Path, encoded: bytes, image_size: tuple[int, int] | None, resize_side: int | None
) -> tuple[tuple[int, int], np.ndarray]:
    """Returns an image file's own (height, width), and its pixels without alpha, resized where asked to."""
    try:
        pixels = declared_pixels(encoded)
        if pixels > MOST_PIXELS:
            raise DatasetError(
                f"cannot read {path}: it declares {pixels} pixels, at most {MOST_PIXELS} are taken; shrink or remove it"
            )
        if has_colour_palette(encoded):
            raise DatasetError(f"cannot read {path}: a BMP image with a palette; convert it to PNG")
        with tf.device("CPU:0"):
            image = decode_image(tf.constant(encoded))
            size = (int(image.shape[0]), int(image.shape[1]))
            if image.shape[2] not in (1, 3):  # Otherwise it would be copied for nothing.
                image = convert_channels(image, 3 if image.shape[2] > 3 else 1)
            return size, (fit_images(image, image_size, resize_side) if image_size else image).numpy()
    except tf.errors.ResourceExhaustedError:  # Not the file's fault: to leave it out would change the result.
        raise
    except tf.errors.OpError as error:
        raise DatasetError(
            f"not an image, or a damaged one: {path}, {len(encoded)} bytes; replace or remove it"
        ) from error


def _read_file(path: Path) -> bytes:
    """Returns a file's content."""
    try:
        status = path.stat()
        # A pipe or a device may never end.
        if not stat.S_ISREG(status.st_mode):
            raise DatasetError(f"cannot read {path}: it is not a regular file; replace or remove it")
        if status.st_size > MOST_BYTES:
            raise DatasetError(
                f"cannot read {path}: it has {status.st_size} bytes, at most {MOST_BYTES} are taken; remove it"
            )
        encoded = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}; replace or remove it") from error
    if not encoded:
        raise DatasetError(f"not an image: {path} is empty (0 bytes); replace or remove it")
    return encoded
