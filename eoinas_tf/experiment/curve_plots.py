"""Curves over the epochs of a run, from its metrics.jsonl."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """Returns an empty figure in inches that belongs to no window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def draw_curves(metrics: Sequence[dict], panels: Mapping[str, Mapping[str, str]]) -> Figure:
    """Draws up to four panels of curves over the epochs.

    Args:
        metrics: Records of metrics.jsonl, an epoch each: `epoch`, and a number or null by name.
        panels: For each title, the names of its curves with their labels, or with "" for none.
    """
    figure = new_figure(11, 7)
    grid = figure.subplots(2, 2, sharex=True)
    epochs = [record["epoch"] for record in metrics]
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    for axes, (title, curves) in zip(grid.flat, panels.items(), strict=False):
        for name, label in curves.items():
            values = [np.nan if record[name] is None else record[name] for record in metrics]
            axes.plot(epochs, values, label=label, marker="." if len(epochs) == 1 else None)
        axes.set_title(title)
        axes.grid(alpha=0.3)
        if any(curves.values()):
            axes.legend()
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    return figure
