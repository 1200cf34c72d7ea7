"""Decodes with Pillow the formats that TensorFlow does not read, or reads wrongly: all except JPEG and PNG.

TensorFlow returns a GIF's first frame without the rest of its canvas, swaps colours in some BMP files, mistakes
palettes for shades of grey, and writes beyond its buffer for animated WebP files. Pillow is restricted to a list of
formats, because some of its others start programs or are recognized by name only.
"""

import contextlib
import functools
import io
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageOps

from eoinas_tf.data.image_headers import MOST_PIXELS, UnreadableImageError, check_pixels, declared_pixels

# Pillow versions without AVIF refuse such files.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG2000", "PPM", "TIFF", "WEBP")
NOT_AN_IMAGE = "not an image of a kind that is read, or a damaged one"
# TIFF tags.
KIND_OF_PAGE, DNG_VERSION = 254, 50706
REDUCED_RESOLUTION = 1

# Pillow by itself refuses images twice as large, and warns of those larger than this, which are refused here.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Odd metadata is no reason to distrust the pixels.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def decode_by_pillow(encoded: bytes) -> np.ndarray:
    """Decodes an image, turned according to its EXIF orientation; of several frames or pages, the first.

    Alpha is dropped, not composited. Of 16 bits the upper 8 are kept, as in TensorFlow. If a GIF's first frame does not
    cover its canvas, the rest gets the transparent colour, or the palette's first colour if there is none.

    Args:
        encoded: The file's content, in one of `FORMATS`.

    Returns:
        uint8 [height, width, channels]; one channel if the format stores no colours for the image, otherwise three.

    Raises:
        UnreadableImageError: It is in another format, damaged or too large, or its values have no known range.
    """
    return _loaded_pixels(open_by_pillow(encoded, readable_formats()))


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """Returns those of `FORMATS` that the installed Pillow reads."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def open_by_pillow(encoded: bytes, formats: Sequence[str]) -> Image.Image:
    """Reads an image's header, but not its pixels.

    Args:
        encoded: The file's content.
        formats: Pillow's names of the formats to accept.

    Returns:
        Pillow's image, not yet loaded.

    Raises:
        UnreadableImageError: It is in none of these formats, damaged, too large, or a raw photograph's preview.
    """
    check_pixels(declared_pixels(encoded))
    with pillow_errors():
        image = Image.open(io.BytesIO(encoded), formats=formats)
        check_pixels(image.width * image.height)
        if image.format == "TIFF":
            _refuse_raw_photographs(encoded, image.tag_v2)
        return image


@contextlib.contextmanager
def pillow_errors() -> Iterator[None]:
    """Turns any error that Pillow raises about damaged files into an UnreadableImageError."""
    try:
        yield
    except UnreadableImageError:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(
            f"it declares more than {2 * MOST_PIXELS} pixels, at most {MOST_PIXELS} are taken"
        ) from error
    except (
        ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError,
        TypeError, ValueError, struct.error, zlib.error,
    ) as error:  # fmt: skip
        raise UnreadableImageError(NOT_AN_IMAGE) from error


def _refuse_raw_photographs(encoded: bytes, tags: object) -> None:
    """Raises an error if a TIFF's first page is a small preview, as in cameras' raw files."""
    is_raw = encoded[8:10] == b"CR" or DNG_VERSION in tags  # type: ignore[operator]
    if is_raw or tags.get(KIND_OF_PAGE, 0) & REDUCED_RESOLUTION:  # type: ignore[attr-defined]
        raise UnreadableImageError("its first page is a preview, as in cameras' raw files; convert it to PNG or JPEG")


def _loaded_pixels(image: Image.Image) -> np.ndarray:
    with pillow_errors():
        image.load()
        return _pixels(ImageOps.exif_transpose(image), image.format)


def _pixels(image: Image.Image, format_name: str | None) -> np.ndarray:
    # Pillow scales a PPM file with more than 8 bits to 16.
    if image.mode.startswith("I;16") or (image.mode == "I" and format_name == "PPM"):
        return (np.asarray(image) >> 8).astype(np.uint8)[..., np.newaxis]
    if image.mode[0] in "IF":
        raise UnreadableImageError("its values have 32 bits and so no known range; convert it to 8 or 16 bits")
    # A GIF is in colour, whatever its palette holds.
    if image.mode in ("1", "L", "LA", "La") and format_name != "GIF":
        return np.asarray(image.convert("LA" if image.mode == "La" else "L").getchannel(0))[..., np.newaxis]
    return np.asarray((image.convert("RGBA") if image.mode == "RGBa" else image).convert("RGB"))
