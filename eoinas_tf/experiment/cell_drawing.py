"""Draws a cell as a graph: inputs left, output right, one arrow per edge with its operations."""

import functools
import io
import logging
import re
import warnings
from collections.abc import Mapping, Sequence

import matplotlib
import networkx
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

LOGGER = logging.getLogger(__name__)

# How Matplotlib's warning begins.
MISSING_GLYPH = re.compile(r"Glyph \d+ .*missing from")
INPUT_LABELS = ("$c_{k-2}$", "$c_{k-1}$")
OUTPUT_LABEL = "$c_k$"
MOST_NAMES_ON_AN_EDGE = 2

CellGraph = Mapping[tuple[int, int], Sequence[str]]


def operation_colors(operation_names: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Returns a colour for each operation, the same in all pictures of a run.

    Args:
        operation_names: Names of the operations, in the order of the colours.
    """
    palette = matplotlib.colormaps["tab10"]
    return {name: palette(position % palette.N) for position, name in enumerate(operation_names)}


def genotype_graph(pairs: Sequence[tuple[str, int]], inputs_per_node: int = 2) -> dict[tuple[int, int], list[str]]:
    """Returns the edges of a genotype's cell.

    Args:
        pairs: (operation, node) pairs, `inputs_per_node` for each intermediate node.
        inputs_per_node: Pairs a node.

    Returns:
        Operations by (from node, to node).
    """
    graph: dict[tuple[int, int], list[str]] = {}
    for position, (operation, from_node) in enumerate(pairs):
        graph.setdefault((from_node, 2 + position // inputs_per_node), []).append(operation)
    return graph


def draw_cell(graph: CellGraph, title: str, colors: Mapping[str, tuple[float, ...]] | None = None) -> Figure:
    """Draws a cell.

    Args:
        graph: Operations by (from node, to node); nodes 0 and 1 are the inputs, 2 and more the
            intermediate nodes. An edge with more than two operations shows how many there are.
        title: Stands above.
        colors: Colour of each operation; grey where not given.

    Returns:
        The picture, not shown anywhere.
    """
    colors = colors or {}
    nodes = max(to_node for _, to_node in graph) + 1
    positions = _positions(graph, nodes)
    output = nodes
    figure = Figure(figsize=(13, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.axis("off")
    for node in range(2, nodes):
        _arrow(axes, positions[node], positions[output], "0.8", 0.0)
    labels = []
    for (from_node, to_node), names in sorted(graph.items()):
        color = colors.get(names[0], "0.35") if len(names) == 1 else "0.35"
        # The first input's arrows pass above the nodes, the second's below, so that they do not lie on each other.
        side = -1 if from_node % 2 == 0 else 1
        bend = 0.0 if to_node - from_node == 1 else side * (0.05 + 0.06 * (to_node - from_node))
        start, end = positions[from_node], positions[to_node]
        _arrow(axes, start, end, color, bend)
        text = "\n".join(names) if len(names) <= MOST_NAMES_ON_AN_EDGE else f"{len(names)} operations"
        labels.append((_point_on_arc(start, end, bend, 0.5), text, color))
    for (x, y), text, color in _spread(labels, list(positions.values())):
        axes.text(
            x, y, text, ha="center", va="center", fontsize=8.5, color=color,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        )  # fmt: skip
    for node, (x, y) in positions.items():
        label = OUTPUT_LABEL if node == output else INPUT_LABELS[node] if node < 2 else str(node - 2)
        face = "#fff2cc" if node == output else "#d9ead3" if node < 2 else "#cfe2f3"
        axes.text(
            x, y, label, ha="center", va="center", fontsize=13,
            bbox={"boxstyle": "round,pad=0.45", "facecolor": face, "edgecolor": "0.3"},
        )  # fmt: skip
    columns = [x for x, _ in positions.values()]
    rows = [y for _, y in positions.values()]
    axes.set_xlim(min(columns) - 0.5, max(columns) + 0.5)
    axes.set_ylim(min(rows) - 1.3, max(rows) + 1.3)
    return figure


def _positions(graph: CellGraph, nodes: int) -> dict[int, tuple[float, float]]:
    """Places nodes by their distance from the inputs, several of one distance above each other."""
    directed = networkx.DiGraph()
    directed.add_nodes_from(range(nodes))
    directed.add_edges_from(graph)
    depth = dict.fromkeys(range(nodes), 0)
    for node in networkx.topological_sort(directed):
        for successor in directed.successors(node):
            depth[successor] = max(depth[successor], depth[node] + 1)
    columns: dict[int, list[int]] = {}
    for node in range(nodes):
        columns.setdefault(0 if node < 2 else max(1, depth[node]), []).append(node)
    positions = {}
    for column, members in columns.items():
        for rank, node in enumerate(members):
            shift = 0.6 * (-1) ** column if len(members) == 1 else 0.0
            positions[node] = (2.2 * column, 2.4 * ((len(members) - 1) / 2 - rank) + shift)
    positions[nodes] = (2.2 * (max(columns) + 1), 0.0)
    return positions


def _arrow(axes, start: tuple[float, float], end: tuple[float, float], color, bend: float) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=14, connectionstyle=f"arc3,rad={bend}",
            color=color, linewidth=1.6, shrinkA=16, shrinkB=16,
        )
    )  # fmt: skip


def _point_on_arc(
    start: tuple[float, float], end: tuple[float, float], bend: float, fraction: float
) -> tuple[float, float]:
    """Returns a point of the quadratic curve that matplotlib's arc3 draws."""
    (x0, y0), (x2, y2) = start, end
    x1, y1 = (x0 + x2) / 2 + bend * (y2 - y0), (y0 + y2) / 2 - bend * (x2 - x0)
    rest = 1 - fraction
    return (
        rest**2 * x0 + 2 * rest * fraction * x1 + fraction**2 * x2,
        rest**2 * y0 + 2 * rest * fraction * y1 + fraction**2 * y2,
    )


def _spread(labels: list, nodes: list[tuple[float, float]]) -> list:
    """Moves labels away from nodes and from each other, by the smallest step up or down that helps."""
    placed: list = []
    for (x, y), text, color in labels:
        taken = nodes + [position for position, _, _ in placed]
        for step in sorted((0.14 * count * side for count in range(20) for side in (1, -1)), key=abs):
            if not any(abs(x - other_x) < 0.95 and abs(y + step - other_y) < 0.34 for other_x, other_y in taken):
                y += step
                break
        placed.append(((x, y), text, color))
    return placed


def figure_to_png(figure: Figure, dots_per_inch: int = 100) -> bytes:
    """Returns a picture as the bytes of a PNG file.

    Args:
        figure: The picture.
        dots_per_inch: Resolution.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(buffer, format="png", dpi=dots_per_inch)
    others = [entry for entry in caught if not MISSING_GLYPH.match(str(entry.message))]
    for entry in others:
        warnings.warn_explicit(entry.message, entry.category, entry.filename, entry.lineno)
    if len(others) < len(caught):
        hint_at_missing_glyphs()
    return buffer.getvalue()


@functools.cache
def hint_at_missing_glyphs() -> None:
    """Says once a process, not once a character and picture, why pictures show boxes."""
    LOGGER.warning(
        "the pictures' font lacks characters of the class names and shows boxes instead; a font that has them can be "
        "named as font.family in a matplotlibrc file"
    )
