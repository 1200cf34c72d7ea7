"""Matplotlib's pictures as files: PNG for everything, and SVG for pictures to be enlarged or printed."""

import functools
import io
import logging
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from eoinas_tf.experiment.atomic_files import make_folder, write_bytes

LOGGER = logging.getLogger(__name__)

# The beginning of Matplotlib's warning.
MISSING_GLYPH = re.compile(r"Glyph \d+ .*missing from")


def write_figures(folder: Path, figures: Mapping[str, Figure]) -> list[Path]:
    """Writes pictures as PNG and as SVG.

    Args:
        folder: The target; created if needed.
        figures: The pictures by name.

    Returns:
        The files.

    Raises:
        StorageError: A picture could not be written.
    """
    make_folder(folder)
    paths = []
    for name, figure in figures.items():
        for suffix, content in (("png", figure_to_png), ("svg", figure_to_svg)):
            paths.append(folder / f"{name}.{suffix}")
            write_bytes(paths[-1], content(figure))
    return paths


def figure_to_png(figure: Figure, dots_per_inch: int = 100) -> bytes:
    """Returns a picture as the bytes of a PNG file.

    Args:
        figure: The picture.
        dots_per_inch: Resolution.
    """
    return _saved(figure, format="png", dpi=dots_per_inch)


def figure_to_svg(figure: Figure) -> bytes:
    """Returns a picture as the bytes of an SVG file: identical bytes for an identical picture, with letters as shapes.

    Args:
        figure: The picture.
    """
    with matplotlib.rc_context({"svg.hashsalt": "eoinas_tf", "svg.fonttype": "path"}):
        return _saved(figure, format="svg", metadata={"Date": None})


def _saved(figure: Figure, **options: Any) -> bytes:
    """Saves a picture to memory; gives one hint about all characters that the font lacks."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(buffer, **options)
    # The layout of the first file also serves the next one: it takes longer than drawing.
    figure.set_layout_engine("none")
    others = [entry for entry in caught if not MISSING_GLYPH.match(str(entry.message))]
    for entry in others:
        warnings.warn_explicit(entry.message, entry.category, entry.filename, entry.lineno)
    if len(others) < len(caught):
        hint_at_missing_glyphs()
    return buffer.getvalue()


@functools.cache
def hint_at_missing_glyphs() -> None:
    """Says once per process, not once per character and picture, why pictures show boxes."""
    LOGGER.warning(
        "the pictures' font lacks characters of the class names and shows boxes instead; a font that has them can be "
        "named as font.family in a matplotlibrc file"
    )
