"""Draws a cell as a graph: inputs left, output right, one curve per edge with its operations on it.

Node numbers are those of the whole package, as in genotype.json, pruning.jsonl and the names of edges: 0 and 1 are the
inputs, 2 and up the intermediate nodes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path as CurvePath

from eoinas_tf.experiment.cell_layout import cell_layout, extent

INPUT_LABELS = ("0: $c_{k-2}$", "1: $c_{k-1}$")
OUTPUT_LABEL = "$c_k$"
MOST_NAMES_ON_AN_EDGE = 2
TITLE_HEIGHT_INCHES = 0.35
# By Okabe and Ito, distinguishable with every kind of colour vision, on white; grey last. Yellow is too light for
# lines.
SAFE_COLORS = ("#999999", "#000000", "#0072B2", "#56B4E9", "#D55E00", "#E69F00", "#009E73", "#CC79A7")
LINE_STYLES = ("-", "--", ":", "-.")
NO_OPERATION_COLOR = "0.35"

CellGraph = Mapping[tuple[int, int], Sequence[str]]


def operation_colors(operation_names: Sequence[str]) -> dict[str, str]:
    """Returns a colour for each operation, the same in all pictures of a run.

    Args:
        operation_names: Names of the operations, in the order of the colours.
    """
    return {name: SAFE_COLORS[position % len(SAFE_COLORS)] for position, name in enumerate(operation_names)}


def operation_line_styles(operation_names: Sequence[str]) -> dict[str, str]:
    """Returns a line style for each operation: no two of the first 31 operations share both colour and style.

    Args:
        operation_names: Names of the operations, in the order of the colours.
    """
    count = len(SAFE_COLORS)
    return {
        name: LINE_STYLES[(position + position // count) % len(LINE_STYLES)]
        for position, name in enumerate(operation_names)
    }


def genotype_graph(pairs: Sequence[tuple[str, int]], inputs_per_node: int = 2) -> dict[tuple[int, int], list[str]]:
    """Returns the edges of a genotype's cell.

    Args:
        pairs: (operation, node) pairs, `inputs_per_node` for each intermediate node.
        inputs_per_node: Pairs per node.

    Returns:
        Operations by (from node, to node).
    """
    graph: dict[tuple[int, int], list[str]] = {}
    for position, (operation, from_node) in enumerate(pairs):
        graph.setdefault((from_node, 2 + position // inputs_per_node), []).append(operation)
    return graph


def draw_cell(
    graph: CellGraph,
    title: str,
    colors: Mapping[str, Any] | None = None,
    concatenated: Sequence[int] | None = None,
) -> Figure:
    """Draws a cell.

    Args:
        graph: Operations by (from node, to node); nodes 0 and 1 are the inputs, 2 and up the intermediate nodes. An
            edge with more than two operations shows their number.
        title: Shown above the cell.
        colors: Colour of each operation; by default dark grey.
        concatenated: Nodes that the output concatenates; by default all intermediate nodes.

    Returns:
        The picture, not shown in any window.
    """
    colors = colors or {}
    output = max(to_node for _, to_node in graph) + 1
    texts = {edge: _edge_text(names) for edge, names in sorted(graph.items())}
    layout = cell_layout(texts, range(2, output) if concatenated is None else concatenated)
    left, right, lower, upper = extent(layout)
    # One inch of the layout is one inch of the picture; the sizes of texts and boxes depend on it.
    width, height = right - left, upper - lower + TITLE_HEIGHT_INCHES
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, (height - TITLE_HEIGHT_INCHES) / height))
    axes.set_xlim(left, right)
    axes.set_ylim(lower, upper)
    axes.axis("off")
    figure.text(0.5, 1 - 0.1 / height, title, ha="center", va="top", fontsize=12, parse_math=False)
    for edge, points in layout.curves.items():
        names = graph.get(edge, ())
        color = "0.8" if edge[1] == output else _edge_color(names, colors)
        path = CurvePath(points, [CurvePath.MOVETO, CurvePath.CURVE4, CurvePath.CURVE4, CurvePath.CURVE4])
        axes.add_patch(
            FancyArrowPatch(
                path=path, arrowstyle="-|>", mutation_scale=12, color=color, fill=False, linewidth=1.7,
                zorder=1 if edge[1] == output else 2,
            )
        )  # fmt: skip
    for edge, (x, y) in layout.labels.items():
        axes.text(
            x, y, texts[edge], ha="center", va="center", fontsize=8.5, color=_edge_color(graph[edge], colors), zorder=3,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"}, parse_math=False,
        )  # fmt: skip
    for node, (x, y) in layout.positions.items():
        label = OUTPUT_LABEL if node == output else INPUT_LABELS[node] if node < 2 else str(node)
        face = "#fff2cc" if node == output else "#d9ead3" if node < 2 else "#cfe2f3"
        axes.text(
            x, y, label, ha="center", va="center", fontsize=12, zorder=4,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": face, "edgecolor": "0.3"},
        )  # fmt: skip
    return figure


def _edge_text(names: Sequence[str]) -> str:
    return "\n".join(names) if len(names) <= MOST_NAMES_ON_AN_EDGE else f"{len(names)} operations"


def _edge_color(names: Sequence[str], colors: Mapping[str, Any]) -> Any:
    return colors.get(names[0], NO_OPERATION_COLOR) if len(names) == 1 else NO_OPERATION_COLOR
