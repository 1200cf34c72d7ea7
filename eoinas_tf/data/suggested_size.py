"""An image size to suggest if a data set's images differ in size; only their headers are read."""

import contextlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from eoinas_tf.data.image_headers import UnreadableImageError
from eoinas_tf.data.pillow_decoding import pillow_errors, readable_formats

# Headers to read: more hardly change a median.
MOST_HEADERS = 500
# The usual input size of networks for ImageNet; larger images make a search slow and rarely better.
LARGEST_SUGGESTION = 224
SMALLEST_SUGGESTION = 8
MULTIPLE = 8
# EXIF orientations that exchange height and width.
ON_THEIR_SIDE = (5, 6, 7, 8)
# Where Pillow keeps the metadata that it has read with a PNG's header.
METADATA_OF_PNG = {"exif", "Raw profile type exif", "XML:com.adobe.xmp"}
GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "F")


def header_shapes(files: Sequence[Path | bytes]) -> list[tuple[int, int, int]]:
    """Returns heights, widths and channels that images declare, for at most `MOST_HEADERS` evenly spaced files.

    Args:
        files: Paths or contents; those that cannot be read as images are ignored.
    """
    step = max(1, -(-len(files) // MOST_HEADERS))
    shapes = []
    for file in files[::step]:
        # Damaged headers: the code that loads the data set will name the file. Pillow raises SyntaxError for some.
        with contextlib.suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            source = io.BytesIO(file) if isinstance(file, bytes) else file
            with Image.open(source, formats=("JPEG", "PNG", *readable_formats())) as image:
                # Turned, as when they are loaded.
                height, width = (image.width, image.height) if _is_on_its_side(image) else (image.height, image.width)
                # A GIF's grey palette is one of colours to the code that loads it.
                is_grey = image.mode in GREY_MODES and image.format != "GIF"
                shapes.append((height, width, 1 if is_grey else 3))
    return shapes


def _is_on_its_side(image: Image.Image) -> bool:
    # Of a PNG whose header has no metadata, Pillow would decode the pixels to look behind them.
    if image.format == "PNG" and not METADATA_OF_PNG & image.info.keys():
        return False
    try:
        with pillow_errors():
            return image.getexif().get(ExifTags.Base.Orientation) in ON_THEIR_SIDE
    except UnreadableImageError:  # Unreadable metadata counts as none.
        return False


def size_advice(shapes: Iterable[tuple[int, ...]]) -> str:
    """Returns the end of a sentence that suggests a size: `give --image_size=H,W to resize them, such as 64,64 (...)`.

    Args:
        shapes: Heights and widths of images, with or without channels; turned images make no difference.
    """
    shapes = list(shapes)
    if not shapes:
        return "give --image_size=H,W to resize them"
    median, size = _median_side(shapes), suggested_side(shapes)
    return f"give --image_size=H,W to resize them, such as --image_size={size},{size} (median shorter side: {median:g})"


def suggested_side(shapes: Sequence[tuple[int, ...]]) -> int:
    """Returns the side in pixels of the square that `size_advice` suggests.

    Args:
        shapes: As for `size_advice`, at least one.
    """
    return int(min(LARGEST_SUGGESTION, max(SMALLEST_SUGGESTION, _median_side(shapes) // MULTIPLE * MULTIPLE)))


def _median_side(shapes: Iterable[tuple[int, ...]]) -> float:
    """Returns the median of the shorter sides."""
    return float(np.median([min(shape[:2]) for shape in shapes]))
