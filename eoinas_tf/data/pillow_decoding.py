"""Decodes by Pillow what TensorFlow does not read, or not right: all formats but JPEG and PNG.

TensorFlow returns a GIF's first frame without the rest of its canvas, swaps colours of some BMP files, takes palettes
for shades of grey, and writes animated WebP files beyond the end of its buffer. Pillow is asked for a list of formats
alone, for some of its others start programs or are known by their names only.
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

# An older Pillow reads no AVIF: such files are then refused.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG2000", "PPM", "TIFF", "WEBP")
NOT_AN_IMAGE = "not an image of a kind that is read, or a damaged one"
# TIFF tags.
KIND_OF_PAGE, DNG_VERSION = 254, 50706
REDUCED_RESOLUTION = 1

# Pillow refuses twice as many by itself, and warns of more than these, which are then refused here.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Odd metadata is no reason to distrust the pixels.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def decode_by_pillow(encoded: bytes) -> np.ndarray:
    """Decodes an image, turned as its EXIF orientation says; of several frames or pages the first.

    Alpha is dropped, not composited. Of 16 bits the upper 8 are taken, as TensorFlow does. Where a GIF's first frame
    does not cover its canvas, the rest has the transparent colour, or the palette's first where there is none.

    Args:
        encoded: The file's content, in one of `FORMATS`.

    Returns:
        uint8 [height, width, channels]; one channel where the format knows no colours in the image, otherwise three.

    Raises:
        UnreadableImageError: It is in another format, damaged, too large, or its values have no known range.
    """
    return _loaded_pixels(open_by_pillow(encoded, readable_formats()))


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """Returns those of `FORMATS` that the installed Pillow reads."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def open_by_pillow(encoded: bytes, formats: Sequence[str]) -> Image.Image:
    """Reads an image's header, and nothing of its pixels.

    Args:
        encoded: The file's content.
        formats: Pillow's names of the formats that it may have.

    Returns:
        Pillow's image, not loaded.

    Raises:
        UnreadableImageError: It has none of these formats, is damaged, too large, or a raw photograph's preview.
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
    """Turns whatever Pillow raises about damaged files into an UnreadableImageError."""
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
    """Raises where a TIFF's first page is a small preview, as in cameras' raw files."""
    is_raw = encoded[8:10] == b"CR" or DNG_VERSION in tags  # type: ignore[operator]
    if is_raw or tags.get(KIND_OF_PAGE, 0) & REDUCED_RESOLUTION:  # type: ignore[attr-defined]
        raise UnreadableImageError("its first page is a preview, as in cameras' raw files; convert it to PNG or JPEG")


def _loaded_pixels(image: Image.Image) -> np.ndarray:
    with pillow_errors():
        image.load()
        return _pixels(ImageOps.exif_transpose(image), image.format)


def _pixels(image: Image.Image, format_name: str | None) -> np.ndarray:
    # Pillow scales a PPM file of more than 8 bits to 16.
    if image.mode.startswith("I;16") or (image.mode == "I" and format_name == "PPM"):
        return (np.asarray(image) >> 8).astype(np.uint8)[..., np.newaxis]
    if image.mode[0] in "IF":
        raise UnreadableImageError("its values have 32 bits and so no known range; convert it to 8 or 16 bits")
    # A GIF has colours, whatever its palette holds.
    if image.mode in ("1", "L", "LA", "La") and format_name != "GIF":
        return np.asarray(image.convert("LA" if image.mode == "La" else "L").getchannel(0))[..., np.newaxis]
    return np.asarray((image.convert("RGBA") if image.mode == "RGBa" else image).convert("RGB"))
