"""Decodes every file of a data set once, before training, and decides what to do about bad ones.

This names a damaged file at the start, not hours later inside the input pipeline, where only its bytes are known.
"""

import concurrent.futures
import dataclasses
import itertools
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from eoinas_tf.cpu_threads import usable_cpus
from eoinas_tf.data.dataset_fingerprint import file_digest
from eoinas_tf.data.image_decoding import convert_channels, decode_jpeg_or_png
from eoinas_tf.data.image_headers import UnreadableImageError, check_pixels, declared_pixels, is_jpeg_or_png
from eoinas_tf.data.image_orientation import UPRIGHT, exif_orientation, turn_upright
from eoinas_tf.data.image_resizing import fit_images, image_fitter
from eoinas_tf.data.image_split import fits_in_memory
from eoinas_tf.data.pillow_decoding import decode_by_pillow
from eoinas_tf.data.small_images import MOST_SMALL_PIXELS, SMALL_IMAGES, decode_small_images, fit_small_images
from eoinas_tf.data.suggested_size import header_shapes, size_advice
from eoinas_tf.errors import DatasetError, MemoryExhaustedError

MOST_BYTES = 2**30
MOST_BYTES_TOGETHER = 2**25
Fit = Callable[[tf.Tensor], tf.Tensor]
# Height and width as stored, pixels, orientation.
Decoded = tuple[tuple[int, int], np.ndarray, int]
Outcome = Decoded | DatasetError
# More indicate another problem than a damaged file or two.
LARGEST_SKIPPED_PART = 0.01


@dataclasses.dataclass
class DecodedFiles:
    """The result of decoding every file of a data set.

    Attributes:
        images: The images without alpha, resized if requested; `None` if they are not to be kept or are too many.
        own_size: (height, width) of the first image.
        is_colour: Whether any image is in colour.
        orientations: The orientation to pass to `decode_image` for each file that is kept.
        bad: The files that are left out, in order, with the fault of each.
        digests: A 64-bit digest of each readable file's name and content.
    """

    images: list[np.ndarray] | None
    own_size: tuple[int, int] = (0, 0)
    is_colour: bool = False
    orientations: list[int] = dataclasses.field(default_factory=list)
    bad: dict[Path, str] = dataclasses.field(default_factory=dict)
    digests: dict[Path, int] = dataclasses.field(default_factory=dict)


def decode_files(
    paths: list[Path],
    *,
    image_size: tuple[int, int] | None,
    resize_side: int | None,
    keep_pixels: bool,
    skip_bad_images: bool,
    strays: Sequence[Path] = (),
) -> DecodedFiles:
    """Decodes files in parallel, in order, up to the first one that is refused.

    Files to leave out are chosen here, not during training: that would change the number of steps, and a resumed run
    would differ from an uninterrupted one.

    Args:
        paths: The files.
        image_size: (height, width) in pixels to resize to; if `None`, all must have one size.
        resize_side: Resizes by the shorter side and cuts out the middle; see `fit_images`.
        keep_pixels: Whether to keep the images, if they fit into memory.
        skip_bad_images: Whether files that cannot be read as images are left out.
        strays: Files that belong to no class and are therefore bad, whatever they contain.

    Raises:
        MemoryExhaustedError: The memory does not suffice for a file's image.
        DatasetError: A file cannot be read as an image, more than 1 % cannot if they may be left out, or the images
            differ in size and no `image_size` is given.
    """
    found = DecodedFiles([] if keep_pixels else None)
    fit = image_fitter(image_size, resize_side) if image_size else None
    first_image = None
    count = len(paths) + len(strays)
    for path in strays:
        stray = DatasetError(f"{path} lies outside of the class folders; move it into one, or remove it")
        _leave_out(found.bad, path, stray, skip_bad_images, count)

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, usable_cpus() or 1)) as executor:
        decoder = _Decoder(fit, executor, found.digests)
        # Chunks, so that few files are decoded in vain if one is refused; the first file shows the others' size.
        starts = (0, *range(1, len(paths), SMALL_IMAGES))
        for chunk in (paths[start:end] for start, end in itertools.pairwise((*starts, len(paths)))):
            is_small = 0 < found.own_size[0] * found.own_size[1] <= MOST_SMALL_PIXELS
            outcomes = decoder.decode_small(chunk) if is_small else decoder.decode_large(chunk)
            for path, outcome in zip(chunk, outcomes, strict=True):
                if isinstance(outcome, DatasetError):
                    _leave_out(found.bad, path, outcome, skip_bad_images, count)
                    continue
                size, image, orientation = outcome
                if first_image is None:
                    first_image, found.own_size = path, size
                if image_size is None and size != found.own_size:
                    raise DatasetError(
                        f"the images differ in size: {first_image} is {found.own_size[0]},{found.own_size[1]} "
                        f"(height,width) and {path} is {size[0]},{size[1]}; {size_advice(header_shapes(paths))}"
                    )
                found.is_colour |= image.shape[2] == 3
                found.orientations.append(orientation)
                if found.images is not None:
                    found.images.append(image)
                    if not fits_in_memory(len(found.images), image.shape):
                        found.images = None
    return found


class _Decoder:
    """Decodes files; for each, in order, the result is its size, image and orientation, or the error that names it.

    Args:
        fit: Resizes an image; None if images keep their size.
        executor: Its threads.
        digests: Receives the digest of each readable file.
    """

    def __init__(self, fit: Fit | None, executor: concurrent.futures.Executor, digests: dict[Path, int]) -> None:
        self._fit = fit
        self._executor = executor
        self._digests = digests

    def decode_large(self, paths: list[Path]) -> Iterable[Outcome]:
        """Decodes images that take a while each, in threads."""
        return self._executor.map(lambda path: self._decode(path, self._read(path)), paths)

    def decode_small(self, paths: list[Path]) -> Iterable[Outcome]:
        """Decodes small images, together if possible."""
        encoded, byte_count = [], 0
        for path in paths:
            encoded.append(self._read(path))
            byte_count += len(encoded[-1]) if isinstance(encoded[-1], bytes) else 0
            # The first file of the data set was small, but the others need not be.
            if byte_count > MOST_BYTES_TOGETHER:
                return self.decode_large(paths)
        contents = [content for content in encoded if isinstance(content, bytes)]
        stored = decode_small_images(contents)
        if stored is not None:
            files = zip(paths, contents, stored, strict=True)
            upright = [_decode_file(path, content, None, pixels) for path, content, pixels in files]
            if self._fit is None:
                return upright
            fitted = fit_small_images([image for _, image, _ in upright], self._fit)
            if fitted is not None:
                rest = zip(upright, fitted, strict=True)
                return [(size, image, orientation) for (size, _, orientation), image in rest]
        if self._fit is None:
            # Threads would mostly wait for Python's lock, which each operation gives back and takes again.
            return map(self._decode, paths, encoded)
        return self._executor.map(self._decode, paths, encoded)

    def _read(self, path: Path) -> bytes | DatasetError:
        try:
            encoded = _read_file(path)
        except DatasetError as error:
            return error
        self._digests[path] = file_digest(path.name, encoded)
        return encoded

    def _decode(self, path: Path, encoded: bytes | DatasetError) -> Outcome:
        try:
            return encoded if isinstance(encoded, DatasetError) else _decode_file(path, encoded, self._fit)
        except DatasetError as error:
            return error


def decode_one_file(
    path: Path, image_size: tuple[int, int] | None = None, resize_side: int | None = None
) -> np.ndarray:
    """Decodes a file as `decode_files` does.

    Args:
        path: The file.
        image_size: (height, width) in pixels to resize to; if `None`, the image keeps its size.
        resize_side: Resizes by the shorter side and cuts out the middle; see `fit_images`.

    Returns:
        uint8 [height, width, 1 or 3], upright.

    Raises:
        MemoryExhaustedError: The memory does not suffice.
        DatasetError: It cannot be read as an image.
    """
    # For a single image, tracing a graph would take longer than it saves.
    fit = (lambda image: fit_images(image, image_size, resize_side)) if image_size else None
    return _decode_file(path, _read_file(path), fit)[1]


def _leave_out(bad: dict[Path, str], path: Path, error: DatasetError, skip_bad_images: bool, count: int) -> None:
    """Records a bad file, or raises a DatasetError if files may not be left out or too many are."""
    if not skip_bad_images:
        raise error
    bad[path] = str(error)
    if len(bad) > LARGEST_SKIPPED_PART * count:
        raise DatasetError(
            f"more than {100 * LARGEST_SKIPPED_PART:g} % of {count} files cannot be read as images, too many for "
            f"--on_bad_image=skip; the first: {next(iter(bad.values()))}"
        )


def _decode_file(path: Path, encoded: bytes, fit: Fit | None, stored: tf.Tensor | None = None) -> Decoded:
    """Returns a file's (height, width), its pixels without alpha, resized by `fit`, and its orientation.

    `stored` are its pixels, if they are decoded already.
    """
    size = None
    try:
        with tf.device("CPU:0"):
            image, orientation = _decode_upright(encoded, stored)
            size = (int(image.shape[0]), int(image.shape[1]))
            if image.shape[2] not in (1, 3):  # Otherwise it would be copied needlessly.
                image = convert_channels(image, 3 if image.shape[2] > 3 else 1)
            return size, (fit(image) if fit else image).numpy(), orientation
    except UnreadableImageError as error:
        raise DatasetError(
            f"cannot read {path}, {len(encoded)} bytes: {error}; replace, convert or remove it"
        ) from error
    # Not the file's fault: leaving it out would change the result.
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        what = f"an image of {size[0]},{size[1]} (height,width)" if size else f"{len(encoded)} bytes"
        raise MemoryExhaustedError(
            f"out of memory while {path}, {what}, was decoded or resized; shrink it, or lower --image_size"
        ) from error
    except tf.errors.OpError as error:
        raise DatasetError(
            f"not an image, or a damaged one: {path}, {len(encoded)} bytes; replace or remove it"
        ) from error


def _decode_upright(encoded: bytes, stored: tf.Tensor | None) -> tuple[tf.Tensor, int]:
    """Returns an image, turned, with its alpha, and the orientation to pass to `decode_image`."""
    if not is_jpeg_or_png(encoded):
        return tf.constant(decode_by_pillow(encoded)), UPRIGHT
    if stored is None:
        check_pixels(declared_pixels(encoded))
        stored = decode_jpeg_or_png(tf.constant(encoded))
    orientation = exif_orientation(encoded)
    return turn_upright(stored, orientation), orientation


def _read_file(path: Path) -> bytes:
    """Returns a file's content."""
    try:
        status = path.stat()
        # Reading a pipe or a device may never end.
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
