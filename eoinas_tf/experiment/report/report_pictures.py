"""The pictures of a page, each as an image address that contains the picture.

A browser executes nothing in a picture shown as an image, whatever the file holds.
"""

import base64
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from eoinas_tf.experiment.cell_drawing import draw_cell, genotype_graph, operation_colors
from eoinas_tf.experiment.curve_plots import (
    CURVE_STYLES,
    count_whole_epochs,
    draw_curves,
    final_training_panels,
    new_figure,
)
from eoinas_tf.experiment.figure_files import figure_to_svg
from eoinas_tf.experiment.report.run_record import CELL_TITLES, RunRecord
from eoinas_tf.experiment.search_plots import TRAINING_PANELS, draw_pruning, draw_scores

# In the order of their colours in a search's pictures.
USUAL_OPERATIONS = (
    "none", "skip_connect", "sep_conv_3x3", "dil_conv_3x3", "sep_conv_5x5", "dil_conv_5x5", "avg_pool_3x3",
    "max_pool_3x3",
)  # fmt: skip
LARGEST_SVG_BYTES = 1_500_000
# Of runs that share a colour and line style with earlier ones: none for the first, then these.
MARKERS = ("", "x", "o", "s")
MIME_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


class Picture(NamedTuple):
    """A picture of a page.

    Args:
        title: Its description, also for readers who cannot see it.
        address: A `data:` address that contains it.
        is_photo: Whether it contains photographs, which a dark page must not invert.
    """

    title: str
    address: str
    is_photo: bool = False


def data_address(content: bytes, suffix: str) -> str:
    """Returns a picture's bytes as an address.

    Args:
        content: The file's bytes.
        suffix: `.svg` or `.png`.
    """
    return f"data:{MIME_TYPES[suffix]};base64,{base64.b64encode(content).decode()}"


def cell_pictures(record: RunRecord) -> list[Picture]:
    """Returns the cells of a run; none if its network has none.

    Args:
        record: The finished run.
    """
    used = sorted({name for pairs in record.cells.values() for name, _ in pairs})
    names = record.operations or list(dict.fromkeys([*USUAL_OPERATIONS, *used]))
    pictures = []
    for cell, pairs in record.cells.items():
        title = f"{CELL_TITLES[cell]} cell"
        concatenated = record.genotype.get(f"{cell}_concat")
        graph, colors = genotype_graph(pairs), operation_colors(names)
        draw = functools.partial(draw_cell, graph, title, colors, concatenated)
        pictures.append(_kept_or_drawn(record, f"{CELL_TITLES[cell]}_cell", title, draw))
    return pictures


def curve_pictures(record: RunRecord) -> list[Picture]:
    """Returns the curves over a run's epochs; none if nothing was trained.

    Args:
        record: The finished run.
    """
    if not record.metrics:
        return []
    panels = TRAINING_PANELS if record.is_search else final_training_panels(record.metrics)
    known = {title: curves for title, curves in panels.items() if any(name in record.metrics[0] for name in curves)}
    return [_kept_or_drawn(record, "training", "curves over the epochs", lambda: draw_curves(record.metrics, known))]


def score_pictures(record: RunRecord) -> list[Picture]:
    """Returns the score of a search's operations over the epochs, one picture per cell; none if nothing was ranked.

    Args:
        record: The finished run.
    """
    score = record.score
    if score is None or not record.metrics or score not in record.metrics[0]:
        return []
    pictures = []
    for cell, title in CELL_TITLES.items():
        label = (score, record.score_label)
        draw = functools.partial(
            draw_scores, record.metrics, record.drops, cell, record.operations, record.edge_names, label
        )
        what = f"{record.score_label} of each operation by epoch, {title} cell"
        pictures.append(_kept_or_drawn(record, f"{score}_{title}", what, draw))
    return pictures


def drop_pictures(record: RunRecord) -> list[Picture]:
    """Returns when each operation was dropped; none if none was.

    Args:
        record: The finished run.
    """
    if not record.drops:
        return []
    title = "epoch at whose end each operation was dropped"
    return [
        _kept_or_drawn(
            record, "pruning", title, lambda: draw_pruning(record.drops, record.operations, record.edge_names)
        )
    ]


def confusion_pictures(record: RunRecord) -> list[Picture]:
    """Returns the confusion matrix and the worst mistakes, which only the run itself can draw.

    Args:
        record: The finished run.
    """
    titles = {"confusion_matrix": ("confusion matrix", False), "worst_confusions": ("the worst mistakes", True)}
    pictures = []
    for name, (title, is_photo) in titles.items():
        for suffix in (".png",) if is_photo else MIME_TYPES:
            path = record.folder / "plots" / f"{name}{suffix}"
            if path.is_file():
                pictures.append(Picture(title, data_address(path.read_bytes(), suffix), is_photo))
                break
    return pictures


def draw_side_by_side(records: Sequence[RunRecord], labels: Sequence[str]) -> list[Figure]:
    """Draws the accuracies of several runs over their epochs: searches in one picture, training runs in another.

    Args:
        records: The finished runs.
        labels: A label for each.
    """
    figures = []
    for is_search, title, name in (
        (True, "searches: accuracy in the architecture steps (fraction)", "architecture_accuracy"),
        (False, "trainings: test accuracy (fraction)", "test_accuracy"),
        (False, "trainings: validation accuracy (fraction)", "validation_accuracy"),
    ):
        chosen = [
            (record, label)
            for record, label in zip(records, labels, strict=True)
            if record.is_search == is_search and any(name in line for line in record.metrics)
        ]
        if not chosen:
            continue
        figure = new_figure(9, 4.5)
        axes = figure.subplots()
        for position, (record, label) in enumerate(chosen):
            color, line_style = CURVE_STYLES[position % len(CURVE_STYLES)]
            values = [np.nan if line.get(name) is None else line[name] for line in record.metrics]
            epochs = [line["epoch"] for line in record.metrics]
            marker = MARKERS[position // len(CURVE_STYLES) % len(MARKERS)] or ("." if len(epochs) == 1 else None)
            axes.plot(epochs, values, color=color, linestyle=line_style, label=label, marker=marker)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        count_whole_epochs(axes)
        # Given explicitly, because labels with an underscore at the beginning would be left out.
        for text in axes.legend(axes.get_lines(), [label for _, label in chosen]).get_texts():
            text.set_parse_math(False)
        figures.append(figure)
    return figures


def _kept_or_drawn(record: RunRecord, name: str, title: str, draw: Callable[[], Figure]) -> Picture:
    """Returns the picture that the run drew, or else draws it, as for runs of versions that wrote no SVG."""
    path: Path = record.folder / "plots" / f"{name}.svg"
    content = path.read_bytes() if path.is_file() else figure_to_svg(draw())
    png = path.with_suffix(".png")
    # Curves of many epochs make a picture that is smaller in pixels.
    if len(content) > LARGEST_SVG_BYTES and png.is_file():
        return Picture(title, data_address(png.read_bytes(), ".png"))
    return Picture(title, data_address(content, ".svg"))
