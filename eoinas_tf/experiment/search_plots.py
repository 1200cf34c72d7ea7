"""The pictures of a finished search: its curves, importance over time, the dropped operations, the cells."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from eoinas_tf.experiment.cell_drawing import (
    draw_cell,
    genotype_graph,
    operation_colors,
    operation_line_styles,
)
from eoinas_tf.experiment.curve_plots import count_whole_epochs, draw_curves, new_figure

TRAINING_PANELS = {
    "loss": {"weights_loss": "weights, D_T", "architecture_loss": "architecture, D_V"},
    "accuracy (fraction)": {"weights_accuracy": "weights, D_T", "architecture_accuracy": "architecture, D_V"},
    "temperature": {"temperature": ""},
    "learning rate": {"learning_rate": ""},
}
CELL_NAMES = {"normal": "normal", "reduce": "reduction"}


def search_figures(
    metrics: Sequence[dict],
    drops: Sequence[dict],
    cells: Mapping[str, Sequence[tuple[str, int]]],
    operation_names: Sequence[str],
    edge_names: Sequence[str],
    score: tuple[str, str],
) -> dict[str, Figure]:
    """Returns all pictures of a search by name.

    Args:
        metrics: Records of metrics.jsonl, one per epoch: `epoch`, the curves of `TRAINING_PANELS`, and the score by
            cell type as [edges][operations], null where dropped.
        drops: Records of pruning.jsonl: `epoch`, `cell`, `edge`, `operation`.
        cells: (operation, node) pairs of the found cells by cell type.
        operation_names: Names of the operations.
        edge_names: A name for each edge, such as `0-2`.
        score: The score that ranked operations: its name in the records, and its label.
    """
    colors = operation_colors(operation_names)
    figures = {}
    for cell, name in CELL_NAMES.items():
        figures[f"{name}_cell"] = draw_cell(genotype_graph(cells[cell]), f"{name} cell", colors)
        if metrics:
            figures[f"{score[0]}_{name}"] = draw_scores(metrics, drops, cell, operation_names, edge_names, score)
    if metrics:
        known = {
            panel: curves for panel, curves in TRAINING_PANELS.items() if any(name in metrics[0] for name in curves)
        }
        figures["training"] = draw_curves(metrics, known)
    if drops:
        figures["pruning"] = draw_pruning(drops, operation_names, edge_names)
    return figures


def draw_scores(
    metrics: Sequence[dict],
    drops: Sequence[dict],
    cell: str,
    operation_names: Sequence[str],
    edge_names: Sequence[str],
    score: tuple[str, str],
) -> Figure:
    """Draws the score of every operation over the epochs, one panel per edge, all panels with the same range.

    A cross marks the epoch at whose end an operation was dropped; of those left, the one with the highest score is
    thick and labelled.

    Args:
        metrics: Records of metrics.jsonl.
        drops: Records of pruning.jsonl.
        cell: The cell type, `normal` or `reduce`.
        operation_names: Names of the operations.
        edge_names: A name for each edge.
        score: Its name in the records, and its label.
    """
    colors, line_styles = operation_colors(operation_names), operation_line_styles(operation_names)
    epochs = [record["epoch"] for record in metrics]
    values = np.array([record[score[0]][cell] for record in metrics], dtype=float)
    dropped = {(drop["edge"], drop["operation"]): drop["epoch"] for drop in drops if drop["cell"] == cell}
    columns = 5
    rows = -(-(len(edge_names) + 1) // columns)
    width, height = 3.2 * columns, 2.5 * rows
    # The panels are all the same size: a layout engine would take longer than drawing them.
    figure = new_figure(width, height, layout=None)
    figure.subplots_adjust(0.5 / width, 0.7 / height, 1 - 0.15 / width, 1 - 0.7 / height, wspace=0.1, hspace=0.35)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in panels.flat:
        axes.axis("off")
    for edge, (axes, edge_name) in enumerate(zip(panels.flat, edge_names, strict=False)):
        axes.axis("on")
        axes.tick_params(labelbottom=True)
        axes.grid(alpha=0.3)
        count_whole_epochs(axes)
        left = [name for name in operation_names if (edge, name) not in dropped]
        winner = max(left, key=lambda name: _last_score(values, edge, list(operation_names).index(name)), default="")
        for operation, name in enumerate(operation_names):
            is_winner = name == winner
            axes.plot(
                epochs, values[:, edge, operation], color=colors[name], linestyle=line_styles[name], label=name,
                linewidth=3 if is_winner else 1, zorder=3 if is_winner else 2,
                marker="." if len(epochs) == 1 else None,
            )  # fmt: skip
            if (epoch := dropped.get((edge, name))) in epochs:
                at = epochs.index(epoch)
                axes.plot(epoch, values[at, edge, operation], color=colors[name], marker="x", markersize=6, zorder=4)
        axes.set_title(f"edge {edge_name}: {winner}" if winner else f"edge {edge_name}", fontsize=10, parse_math=False)
    legend = panels.flat[len(edge_names)]
    handles, labels = panels.flat[0].get_legend_handles_labels()
    named = [handle for handle, label in zip(handles, labels, strict=True) if not label.startswith("_")]
    handles = [Line2D([], [], color=handle.get_color(), linestyle=handle.get_linestyle()) for handle in named]
    if dropped:
        handles.append(Line2D([], [], color="black", linestyle="none", marker="x"))
        labels = [*labels, "dropped"]
    legend.legend(handles, labels, loc="center", fontsize=9, handlelength=3)
    figure.suptitle(f"{score[1]} of each operation by epoch, {CELL_NAMES[cell]} cell; thick: the highest that was left")
    figure.supxlabel("epoch", fontsize=10)
    return figure


def _last_score(values: np.ndarray, edge: int, operation: int) -> float:
    """Returns an operation's score at the end, minus infinity if it has none."""
    last = values[-1, edge, operation]
    return -np.inf if np.isnan(last) else float(last)


def draw_pruning(drops: Sequence[dict], operation_names: Sequence[str], edge_names: Sequence[str]) -> Figure:
    """Draws for each edge and operation the epoch at whose end it was dropped; the remaining ones are marked.

    Args:
        drops: Records of pruning.jsonl.
        operation_names: Names of the operations.
        edge_names: A name for each edge.
    """
    figure = new_figure(13, 7.5)
    panels = figure.subplots(1, 2, sharey=True)
    last = max((drop["epoch"] for drop in drops), default=1)
    for axes, (cell, name) in zip(panels, CELL_NAMES.items(), strict=True):
        epochs = np.full((len(edge_names), len(operation_names)), np.nan)
        for drop in drops:
            if drop["cell"] == cell:
                epochs[drop["edge"], list(operation_names).index(drop["operation"])] = drop["epoch"]
        picture = axes.imshow(epochs, aspect="auto", cmap="viridis", vmin=0, vmax=last)
        for (edge, operation), epoch in np.ndenumerate(epochs):
            text = "left" if np.isnan(epoch) else f"{epoch:.0f}"
            is_dark = not np.isnan(epoch) and epoch < 0.6 * last
            # They lie inside the panels; measuring each of them for the layout would take longer than drawing them.
            axes.text(
                operation, edge, text, ha="center", va="center", fontsize=8, in_layout=False,
                color="white" if is_dark else "black",
            )  # fmt: skip
        axes.set_xticks(range(len(operation_names)), operation_names, rotation=45, ha="right")
        axes.set_yticks(range(len(edge_names)), [f"edge {edge_name}" for edge_name in edge_names])
        axes.set_title(f"{name} cell")
    figure.colorbar(picture, ax=panels, label="epoch at whose end the operation was dropped")
    return figure
