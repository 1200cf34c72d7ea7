"""Draws the folders of the package and what imports what: `python docs/make_architecture_figure.py`."""

import ast
from pathlib import Path

import networkx
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from eoinas_tf.experiment.figure_files import figure_to_svg

DOCS = Path(__file__).parent
PACKAGE = DOCS.parent / "eoinas_tf"


def folder_imports() -> networkx.DiGraph:
    """Returns the folders of the package, with an edge to each folder that one imports."""
    folders = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    graph = networkx.DiGraph()
    for folder in folders:
        files = sorted((PACKAGE / folder).rglob("*.py"))
        graph.add_node(folder, files=len(files), lines=sum(len(file.read_text("utf-8").splitlines()) for file in files))
        for file in files:
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                parts = (node.module or "").split(".") if isinstance(node, ast.ImportFrom) else []
                if len(parts) > 1 and parts[0] == PACKAGE.name and parts[1] in folders and parts[1] != folder:
                    graph.add_edge(folder, parts[1])
    return graph


def architecture_figure() -> Figure:
    """Returns the picture: who imports stands above whom it imports; arrows that follow from others are left out."""
    graph = folder_imports()
    levels = list(networkx.topological_generations(graph.reverse()))
    figure = Figure(figsize=(9, 1.15 * len(levels)))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    arrows = networkx.transitive_reduction(graph)
    place: dict[str, tuple[float, int]] = {}
    for height, level in enumerate(levels):
        # Each above the middle of what it imports, so that few arrows cross.
        middle = {folder: [place[below][0] for below in arrows[folder]] for folder in level}
        in_order = sorted(level, key=lambda folder: (sum(middle[folder]) / max(len(middle[folder]), 1), folder))
        for position, folder in enumerate(in_order):
            place[folder] = ((position + 1) / (len(level) + 1), height)
    for start, end in sorted(arrows.edges):
        arrow = axes.annotate(
            "", place[end], place[start],
            arrowprops={"arrowstyle": "-|>", "color": "0.5", "shrinkA": 14, "shrinkB": 24, "mutation_scale": 14},
        )  # fmt: skip
        arrow.arrow_patch.set_gid(f"{start} imports {end}")
    for folder, (across, height) in place.items():
        axes.text(
            across, height, folder, ha="center", va="center", fontsize=11,
            bbox={"boxstyle": "round,pad=0.4", "facecolor": "#E8F1F8", "edgecolor": "#0072B2"},
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.5, len(levels) - 0.5)
    axes.axis("off")
    return figure


def main() -> None:
    """Writes the picture."""
    (DOCS / "images" / "architecture.svg").write_bytes(figure_to_svg(architecture_figure()))


if __name__ == "__main__":
    main()
