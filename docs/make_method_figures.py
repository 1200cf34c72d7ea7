"""Draws the pictures of docs/method.md into docs/images: `python docs/make_method_figures.py`."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from eoinas_tf.config import SearchConfig
from eoinas_tf.experiment.cell_drawing import draw_cell, genotype_graph, operation_colors
from eoinas_tf.experiment.figure_files import figure_to_svg
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import OPERATION_NAMES

DOCS = Path(__file__).parent
FOUND = DOCS / "results" / "search_cifar10_cpu" / "genotype.json"
# In which an edge of the picture loses its operations; made up, as every edge has an order of its own.
EXAMPLE_ORDER = (
    "none", "avg_pool_3x3", "skip_connect", "max_pool_3x3", "dil_conv_5x5", "sep_conv_5x5", "dil_conv_3x3",
    "sep_conv_3x3",
)  # fmt: skip


def super_network_cell() -> Figure:
    """Returns the cell of the super network: each edge with all candidates."""
    edges = [(from_node, to_node) for to_node in range(2, 6) for from_node in range(to_node)]
    return draw_cell(dict.fromkeys(edges, OPERATION_NAMES), "before the search: 14 edges, 8 candidate operations each")


def found_cell() -> Figure:
    """Returns a cell that a search found."""
    graph = genotype_graph(Genotype.read(FOUND).normal)
    return draw_cell(
        graph, "after the search: two inputs a node, one operation each", operation_colors(OPERATION_NAMES)
    )


def schedule() -> Figure:
    """Returns how long each operation of one edge lives in the paper's search."""
    config = SearchConfig()
    figure = Figure(figsize=(7.5, 2.9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    first = config.pruning_after_epoch + config.pruning_every_epochs
    drops = list(range(first, config.epochs + 1, config.pruning_every_epochs))
    colors = operation_colors(OPERATION_NAMES)
    for row, name in enumerate(EXAMPLE_ORDER):
        end = drops[row] if row < len(drops) else config.epochs
        axes.barh(row, end, color=colors[name], height=0.6)
        if row < len(drops):
            axes.text(end, row, " dropped", va="center", fontsize=8)
    axes.axvspan(0, config.warmup_epochs, color="0.85", zorder=-1)
    axes.text(config.warmup_epochs / 2, -0.7, "warm-up", ha="center", fontsize=8)
    axes.set_yticks(range(len(EXAMPLE_ORDER)), EXAMPLE_ORDER, fontsize=8)
    axes.set_xticks([0, config.warmup_epochs, *drops])
    axes.set_ylim(len(EXAMPLE_ORDER) - 0.4, -1.4)
    axes.set_xlim(0, config.epochs + 14)
    axes.set_xlabel("epoch of the search")
    axes.set_title("one edge: the least important operation is dropped every 20 epochs (example)", fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


FIGURES = {
    "method_super_network_cell": super_network_cell,
    "method_schedule": schedule,
    "method_found_cell": found_cell,
}


def main() -> None:
    """Writes the pictures."""
    for name, draw in FIGURES.items():
        (DOCS / "images" / f"{name}.svg").write_bytes(figure_to_svg(draw()))


if __name__ == "__main__":
    main()
