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
    arrows = networkx.transitive_reduction(graph)
    levels = _levels(graph)
    figure = Figure(figsize=(9, 1.15 * len(levels)))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 1)
    axes.set_ylim(0.5 - len(levels), 0.5)
    axes.axis("off")
    place: dict[str, tuple[float, int]] = {}
    boxes = {}
    for depth, level in enumerate(levels):
        # Each below the middle of those that import it, so that few arrows cross.
        middle = {folder: [place[above][0] for above in arrows.predecessors(folder)] for folder in level}
        in_order = sorted(level, key=lambda folder: (sum(middle[folder]) / max(len(middle[folder]), 1), folder))
        for position, folder in enumerate(in_order):
            place[folder] = ((position + 1) / (len(level) + 1), -depth)
            boxes[folder] = axes.text(
                *place[folder], folder, ha="center", va="center", fontsize=11,
                bbox={"boxstyle": "round,pad=0.4", "facecolor": "#E8F1F8", "edgecolor": "#0072B2"},
            )  # fmt: skip
    figure.canvas.draw()  # Only then the boxes, at which arrows begin and end, have their sizes.
    for start, end in sorted(arrows.edges):
        arrow = axes.annotate(
            "", place[end], place[start],
            arrowprops={
                "arrowstyle": "-|>", "color": "0.5", "mutation_scale": 14,
                "patchA": boxes[start].get_bbox_patch(), "patchB": boxes[end].get_bbox_patch(),
                # Round what lies between, where it passes a level.
                "connectionstyle": f"arc3,rad={0.08 if place[start][1] - place[end][1] > 1 else 0}",
            },
        )  # fmt: skip
        arrow.arrow_patch.set_gid(f"{start} imports {end}")
    return figure


def _levels(graph: networkx.DiGraph) -> list[list[str]]:
    """Returns the folders by level, each right above what it imports; what imports nothing is right below the first."""
    generations = list(networkx.topological_generations(graph.reverse()))[::-1]
    depth = {folder: number for number, generation in enumerate(generations) for folder in generation}
    for folder in graph:
        if not graph.out_degree(folder):
            depth[folder] = 1 + max((depth[above] for above in graph.predecessors(folder)), default=0)
    return [[folder for folder in graph if depth[folder] == number] for number in range(max(depth.values()) + 1)]


def main() -> None:
    """Writes the picture."""
    (DOCS / "images" / "architecture.svg").write_bytes(figure_to_svg(architecture_figure()))


if __name__ == "__main__":
    main()
