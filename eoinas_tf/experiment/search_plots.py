"""The pictures of a finished search: its curves, importance over time, what was dropped when, the cells."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from eoinas_tf.experiment.atomic_files import make_folder, write_bytes
from eoinas_tf.experiment.cell_drawing import draw_cell, figure_to_png, genotype_graph, operation_colors
from eoinas_tf.experiment.curve_plots import draw_curves, new_figure

TRAINING_PANELS = {
    "loss": {"weights_loss": "weights, D_T", "architecture_loss": "architecture, D_V"},
    "accuracy (fraction)": {"weights_accuracy": "weights, D_T", "architecture_accuracy": "architecture, D_V"},
    "temperature": {"temperature": ""},
    "learning rate": {"learning_rate": ""},
}
CELL_NAMES = {"normal": "normal", "reduce": "reduction"}


def write_search_plots(
    folder: Path,
    metrics: Sequence[dict],
    drops: Sequence[dict],
    cells: Mapping[str, Sequence[tuple[str, int]]],
    operation_names: Sequence[str],
    edge_names: Sequence[str],
    score: tuple[str, str],
) -> list[Path]:
    """Writes all pictures of a search.

    Args:
        folder: Where to; created if needed.
        metrics: Records of metrics.jsonl, an epoch each: `epoch`, the curves of `TRAINING_PANELS`, and
            the score by cell type as [edges][operations], null where dropped.
        drops: Records of pruning.jsonl: `epoch`, `cell`, `edge`, `operation`.
        cells: (operation, node) pairs of the found cells by cell type.
        operation_names: Names of the operations.
        edge_names: A name for each edge, such as `0-2`.
        score: What ranked operations: its name in the records, and what it is.

    Returns:
        The files.

    Raises:
        StorageError: A picture could not be written.
    """
    make_folder(folder)
    colors = operation_colors(operation_names)
    figures = {}
    for cell, name in CELL_NAMES.items():
        figures[f"{name}_cell"] = draw_cell(genotype_graph(cells[cell]), f"{name} cell", colors)
        if metrics:
            figures[f"{score[0]}_{name}"] = draw_scores(metrics, cell, operation_names, edge_names, score)
    if metrics:
        known = {
            panel: curves for panel, curves in TRAINING_PANELS.items() if any(name in metrics[0] for name in curves)
        }
        figures["training"] = draw_curves(metrics, known)
    if drops:
        figures["pruning"] = draw_pruning(drops, operation_names, edge_names)
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        write_bytes(paths[-1], figure_to_png(figure))
    return paths


def draw_scores(
    metrics: Sequence[dict],
    cell: str,
    operation_names: Sequence[str],
    edge_names: Sequence[str],
    score: tuple[str, str],
) -> Figure:
    """Draws the score of every operation over the epochs, a panel an edge; a line ends with a drop.

    Args:
        metrics: Records of metrics.jsonl.
        cell: The cell type, `normal` or `reduce`.
        operation_names: Names of the operations.
        edge_names: A name for each edge.
        score: Its name in the records, and what it is.
    """
    colors = operation_colors(operation_names)
    epochs = [record["epoch"] for record in metrics]
    values = np.array([record[score[0]][cell] for record in metrics], dtype=float)
    columns = 5
    rows = -(-(len(edge_names) + 1) // columns)
    figure = new_figure(3.2 * columns, 2.5 * rows)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for edge, (axes, edge_name) in enumerate(zip(panels.flat, edge_names, strict=False)):
        axes.axis("on")
        axes.set_title(f"edge {edge_name}", fontsize=10)
        axes.set_xlabel("epoch", fontsize=8)
        axes.grid(alpha=0.3)
        for operation, name in enumerate(operation_names):
            axes.plot(epochs, values[:, edge, operation], color=colors[name], label=name, marker=".", markersize=3)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    panels.flat[len(edge_names)].legend(handles, labels, loc="center", fontsize=9)
    figure.suptitle(f"{score[1]} of each operation by epoch, {CELL_NAMES[cell]} cell")
    return figure


def draw_pruning(drops: Sequence[dict], operation_names: Sequence[str], edge_names: Sequence[str]) -> Figure:
    """Draws for each edge and operation the epoch at whose end it was dropped; what was left is marked.

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
            axes.text(
                operation, edge, text, ha="center", va="center", fontsize=8, color="white" if is_dark else "black"
            )
        axes.set_xticks(range(len(operation_names)), operation_names, rotation=45, ha="right")
        axes.set_yticks(range(len(edge_names)), [f"edge {edge_name}" for edge_name in edge_names])
        axes.set_title(f"{name} cell")
    figure.colorbar(picture, ax=panels, label="epoch at whose end the operation was dropped")
    return figure
