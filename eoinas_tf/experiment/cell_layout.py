"""Layout of a drawn cell's boxes, curves and labels: curves avoid the boxes, and each label is on its own curve.

Lengths are in inches of the picture. Boxes are in columns by their distance from the inputs. Each edge is a cubic
Bezier curve; of several that bulge more or less far up or down, the one that best avoids the boxes and the earlier
curves and labels is used.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import networkx
import numpy as np

Edge = tuple[int, int]

COLUMN_WIDTH, ROW_HEIGHT = 2.45, 1.2
INPUT_HALF_SIZE, NODE_HALF_SIZE = (0.37, 0.19), (0.17, 0.19)
# Between a curve and a box at neither of its ends.
CLEARANCE = 0.1
# Of a label: half a character's width, half a line's height.
LABEL_HALF_CHARACTER, LABEL_HALF_LINE = 0.044, 0.1
BULGES = sorted((0.3 * count * side for count in range(19) for side in (1, -1)), key=abs)
LABEL_PLACES = tuple(sorted(np.linspace(0.15, 0.85, 29).tolist(), key=lambda place: abs(place - 0.5)))
SAMPLES = np.linspace(0, 1, 81)
# Distance within which a curve runs along another one.
NEAR_A_CURVE = 0.22
# Costs of a curve's or a label's faults, relative to an inch of bulge.
THROUGH_A_BOX, ALONG_A_CURVE, ON_A_LABEL, UNDER_A_LABEL, OFF_THE_MIDDLE = 1000.0, 12.0, 400.0, 6.0, 0.5


@dataclasses.dataclass(frozen=True)
class CellLayout:
    """A cell's picture as coordinates.

    Args:
        positions: Centres of the boxes, (x, y) by node; the last node is the output.
        curves: Four Bezier points [4, 2] by edge, from the border of one box to the border of the other; includes the
            edges to the output.
        labels: Centres of the labels by edge, (x, y); each on its curve.
    """

    positions: dict[int, tuple[float, float]]
    curves: dict[Edge, np.ndarray]
    labels: dict[Edge, tuple[float, float]]


def cell_layout(edges: Mapping[Edge, str], output_inputs: Sequence[int]) -> CellLayout:
    """Computes the layout of a cell.

    Args:
        edges: The label, of one or more lines, of each edge by (from node, to node). Nodes 0 and 1 are the inputs.
        output_inputs: Nodes that the output concatenates.

    Returns:
        The layout; its output is the node after the last one.
    """
    output = max(node for edge in edges for node in edge) + 1
    positions = _positions(edges, output)
    to_output = [(node, output) for node in output_inputs]
    centres: dict[Edge, np.ndarray] = {}
    # Short ones first: they have the least freedom.
    for edge in [*sorted(edges, key=lambda edge: _distance(positions, edge)), *to_output]:
        centres[edge] = _clear_curve(edge, positions, centres)
    curves = {edge: _between_rims(points, positions, edge) for edge, points in centres.items()}
    return CellLayout(positions, curves, _labels(edges, positions, curves))


def bezier(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns points of a cubic Bezier curve, [places, 2].

    Args:
        points: Its four points, [4, 2].
        places: Parameters of the points on the curve, from 0 to 1.
    """
    place = np.asarray(places)[:, np.newaxis]
    rest = 1 - place
    start, first, second, end = points
    return rest**3 * start + 3 * rest**2 * place * first + 3 * rest * place**2 * second + place**3 * end


def label_half_size(text: str) -> tuple[float, float]:
    """Returns half of a label's width and height in inches.

    Args:
        text: The label.
    """
    lines = text.split("\n")
    return 0.04 + LABEL_HALF_CHARACTER * max(map(len, lines)), LABEL_HALF_LINE * len(lines)


def box_half_size(node: int) -> tuple[float, float]:
    """Returns half of a box's width and height in inches; the inputs' are wider.

    Args:
        node: The node.
    """
    return INPUT_HALF_SIZE if node < 2 else NODE_HALF_SIZE


def is_inside(
    points: np.ndarray, centre: tuple[float, float], half_size: tuple[float, float], margin: float = 0.0
) -> np.ndarray:
    """Tells which points lie in a rectangle, bool [points].

    Args:
        points: (x, y), [points, 2].
        centre: The rectangle's centre.
        half_size: Half of its width and height.
        margin: Added on all sides.
    """
    return np.all(np.abs(points - np.array(centre)) < np.add(half_size, margin), axis=-1)


def _positions(edges: Mapping[Edge, str], output: int) -> dict[int, tuple[float, float]]:
    """Places nodes by their distance from the inputs, those with the same distance below each other."""
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(output))
    graph.add_edges_from(edges)
    depth = dict.fromkeys(range(output), 0)
    for node in networkx.topological_sort(graph):
        for successor in graph.successors(node):
            depth[successor] = max(depth[successor], depth[node] + 1)
    columns: dict[int, list[int]] = {}
    for node in range(output):
        columns.setdefault(0 if node < 2 else max(1, depth[node]), []).append(node)
    positions = {}
    for column, members in columns.items():
        rows = 2 if column == 0 else 1  # Space between the inputs, whose edges fan out.
        for rank, node in enumerate(members):
            # Columns with one box are staggered, so that fewer edges must go around them.
            shift = 0.5 * (-1) ** column if len(members) == 1 else 0.0
            height = ROW_HEIGHT * (rows * ((len(members) - 1) / 2 - rank) + shift)
            positions[node] = (COLUMN_WIDTH * column, height)
    positions[output] = (COLUMN_WIDTH * (max(columns) + 1), 0.0)
    return positions


def _distance(positions: Mapping[int, tuple[float, float]], edge: Edge) -> float:
    return float(np.hypot(*np.subtract(positions[edge[1]], positions[edge[0]])))


def _clear_curve(
    edge: Edge, positions: Mapping[int, tuple[float, float]], others: Mapping[Edge, np.ndarray]
) -> np.ndarray:
    """Returns the curve between the centres of two boxes that best avoids boxes and other curves."""
    start, end = (np.array(positions[node]) for node in edge)
    foreign = [(centre, box_half_size(node)) for node, centre in positions.items() if node not in edge]
    taken = [bezier(points, SAMPLES[4:-4:2]) for points in others.values()]
    # Edges to the output say little and are pale: they may run along others.
    along_a_curve = ALONG_A_CURVE if edge[1] < max(positions) else ALONG_A_CURVE / 3

    def cost(bulge: float) -> float:
        on_curve = bezier(_bulging(start, end, bulge), SAMPLES)
        through = sum(is_inside(on_curve, centre, half_size, CLEARANCE).sum() for centre, half_size in foreign)
        middle = on_curve[12:-12:2]
        along = sum(
            (np.square(middle[:, np.newaxis] - other).sum(axis=-1).min(axis=1) < NEAR_A_CURVE**2).mean()
            for other in taken
        )
        return THROUGH_A_BOX * float(through) + along_a_curve * float(along) + abs(bulge)

    return _bulging(start, end, min(BULGES, key=cost))


def _bulging(start: np.ndarray, end: np.ndarray, bulge: float) -> np.ndarray:
    """Returns a curve that leaves the straight line by three quarters of `bulge`, upwards or downwards."""
    aside = np.array([0.0, bulge])
    return np.stack([start, (2 * start + end) / 3 + aside, (start + 2 * end) / 3 + aside, end])


def _between_rims(points: np.ndarray, positions: Mapping[int, tuple[float, float]], edge: Edge) -> np.ndarray:
    """Cuts off the parts of a curve inside the boxes at its ends."""
    fine = np.linspace(0, 1, 401)
    on_curve = bezier(points, fine)
    first = fine[is_inside(on_curve, positions[edge[0]], box_half_size(edge[0]))].max()
    last = fine[is_inside(on_curve, positions[edge[1]], box_half_size(edge[1]), margin=0.03)].min()
    behind = _split(points, first)[1]
    return _split(behind, (last - first) / (1 - first))[0]


def _split(points: np.ndarray, place: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the two parts of a Bezier curve (de Casteljau)."""
    levels = [points]
    while len(levels[-1]) > 1:
        levels.append((1 - place) * levels[-1][:-1] + place * levels[-1][1:])
    return np.stack([level[0] for level in levels]), np.stack([level[-1] for level in levels[::-1]])


def _labels(
    edges: Mapping[Edge, str], positions: Mapping[int, tuple[float, float]], curves: Mapping[Edge, np.ndarray]
) -> dict[Edge, tuple[float, float]]:
    """Places each label on its curve, away from boxes, other labels and other curves; twice, as later ones move."""
    on_curves = {edge: bezier(points, SAMPLES) for edge, points in curves.items()}
    boxes = [(centre, box_half_size(node)) for node, centre in positions.items()]
    placed: dict[Edge, tuple[float, float]] = {}
    for edge in [*edges, *edges]:
        half_size = label_half_size(edges[edge])
        places = bezier(curves[edge], np.array(LABEL_PLACES))
        costs = OFF_THE_MIDDLE * np.abs(np.array(LABEL_PLACES) - 0.5)
        others = [(placed[other], label_half_size(edges[other])) for other in placed if other != edge]
        for centre, other_half_size in [*boxes, *others]:
            costs += ON_A_LABEL * is_inside(
                places, centre, (half_size[0] + other_half_size[0], half_size[1] + other_half_size[1]), 0.02
            )
        for other, points in on_curves.items():
            if other != edge:
                under = np.all(np.abs(places[:, np.newaxis] - points) < half_size, axis=-1).any(axis=1)
                costs += UNDER_A_LABEL * under
        best = int(np.argmin(costs))
        placed[edge] = (float(places[best, 0]), float(places[best, 1]))
    return placed


def extent(layout: CellLayout) -> tuple[float, float, float, float]:
    """Returns the left, right, lower and upper ends of a layout, with a margin, in inches.

    Args:
        layout: The layout.
    """
    points = np.concatenate(
        [np.array(list(layout.positions.values())), *(bezier(points, SAMPLES) for points in layout.curves.values())]
    )
    (left, lower), (right, upper) = points.min(axis=0), points.max(axis=0)
    return float(left - 0.5), float(right + 0.5), float(lower - 0.4), float(upper + 0.4)


def crossed_boxes(layout: CellLayout) -> list[tuple[Edge, int]]:
    """Returns the (edge, node) pairs whose curve runs through a box at neither of its ends: none in a good picture.

    Args:
        layout: The layout.
    """
    return [
        (edge, node)
        for (edge, points), (node, centre) in itertools.product(layout.curves.items(), layout.positions.items())
        if node not in edge and is_inside(bezier(points, SAMPLES), centre, box_half_size(node)).any()
    ]
