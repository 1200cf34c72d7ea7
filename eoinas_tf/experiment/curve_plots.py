"""Curves over the epochs of a run, from its metrics.jsonl."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# By Okabe and Ito; each with a line style, for print without colours.
CURVE_STYLES = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", ":"), ("#CC79A7", "-."))


def final_training_panels(metrics: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Returns the panels of a final training run: for each title, curves of metrics.jsonl with their labels.

    Args:
        metrics: Records of metrics.jsonl, with results on the test images or on validation images.
    """
    part = "validation" if metrics and "validation_loss" in metrics[0] else "test"
    return {
        "loss": {
            "train_loss": "training: with the auxiliary head and label smoothing",
            "train_cross_entropy": "training: bare cross-entropy",
            f"{part}_loss": f"{part}: bare cross-entropy",
        },
        "accuracy (fraction)": {
            "train_accuracy": "training",
            f"{part}_accuracy": part,
            f"{part}_top_5_accuracy": f"{part}, top 5",
        },
        "learning rate": {"learning_rate": ""},
        "drop path probability": {"drop_path": ""},
    }


def new_figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Returns an empty figure that belongs to no window.

    width: Width in inches.
    height: Height in inches.
        height: In inches.
        layout: Layout engine that arranges the panels; None: no engine.
    """
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def count_whole_epochs(axes: Axes) -> None:
    """Puts the ticks of the horizontal axis at whole epochs.

    Args:
        axes: A panel over the epochs.
    """
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))


def draw_curves(metrics: Sequence[dict], panels: Mapping[str, Mapping[str, str]]) -> Figure:
    """Draws up to four panels of curves over the epochs.

    Args:
        metrics: Records of metrics.jsonl, one per epoch: `epoch`, and a number or null by name.
        panels: For each title, the names of its curves with their labels, or with "" for no label. A curve that appears
            in no record, as in runs of earlier versions, is left out.
    """
    figure = new_figure(11, 7)
    grid = figure.subplots(2, 2, sharex=True)
    epochs = [record["epoch"] for record in metrics]
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    for axes, (title, curves) in zip(grid.flat, panels.items(), strict=False):
        for (name, label), (color, line_style) in zip(curves.items(), CURVE_STYLES, strict=False):
            if metrics and not any(name in record for record in metrics):
                continue
            values = [np.nan if record.get(name) is None else record[name] for record in metrics]
            axes.plot(
                epochs, values, label=label, color=color, linestyle=line_style, linewidth=1.8,
                marker="." if len(epochs) == 1 else None,
            )  # fmt: skip
        axes.set_title(title)
        axes.grid(alpha=0.3)
        count_whole_epochs(axes)
        if any(curves.values()):
            axes.legend()
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    return figure
