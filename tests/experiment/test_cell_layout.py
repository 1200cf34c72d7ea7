import itertools
import random

import numpy as np
import pytest

from eoinas_tf.experiment.cell_drawing import genotype_graph
from eoinas_tf.experiment.cell_layout import (
    SAMPLES,
    bezier,
    box_half_size,
    cell_layout,
    crossed_boxes,
    extent,
    is_inside,
    label_half_size,
)
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

CHAIN = [("skip_connect", node) for to_node in range(2, 6) for node in (0, to_node - 1)]


def random_pairs(seed):
    generator = random.Random(seed)
    return [
        (generator.choice(OPERATION_NAMES), node)
        for to_node in range(2, 6)
        for node in generator.sample(range(to_node), 2)
    ]


CELLS = {
    "chain": (CHAIN, (2, 3, 4, 5)),
    **{f"random {seed}": (random_pairs(seed), (2, 3, 4, 5)) for seed in range(6)},
    **{
        f"{name} {cell}": (getattr(genotype, cell), getattr(genotype, f"{cell}_concat"))
        for name, genotype in PUBLISHED_GENOTYPES.items()
        for cell in ("normal", "reduce")
    },
}


@pytest.mark.parametrize("name", CELLS)
def test_no_curve_runs_through_a_box_and_labels_lie_on_their_curves_apart(name):
    pairs, concatenated = CELLS[name]
    texts = {edge: "\n".join(names) for edge, names in genotype_graph(pairs).items()}
    layout = cell_layout(texts, concatenated)
    output = max(layout.positions)
    assert set(layout.curves) == {*texts, *((node, output) for node in concatenated)}
    assert crossed_boxes(layout) == []
    boxes = [(centre, box_half_size(node)) for node, centre in layout.positions.items()]
    labels = [(layout.labels[edge], label_half_size(text)) for edge, text in texts.items()]
    for (one, half), (other, other_half) in itertools.combinations(boxes + labels, 2):
        assert np.any(np.abs(np.subtract(one, other)) >= np.add(half, other_half) - 1e-9)
    for edge, centre in layout.labels.items():
        on_curve = bezier(layout.curves[edge], np.linspace(0, 1, 1001))
        assert np.hypot(*(on_curve - centre).T).min() < 0.01
    left, right, lower, upper = extent(layout)
    for points in layout.curves.values():
        x, y = bezier(points, SAMPLES).T
        assert left < x.min() <= x.max() < right
        assert lower < y.min() <= y.max() < upper


def test_curves_begin_and_end_at_the_rims_of_their_boxes():
    layout = cell_layout({(0, 2): "a", (1, 2): "b", (2, 3): "c", (0, 3): "d"}, (2, 3))
    for (start, end), points in layout.curves.items():
        for node, point in ((start, points[0]), (end, points[-1])):
            assert not is_inside(point[np.newaxis], layout.positions[node], box_half_size(node), -0.03).any()
            assert is_inside(point[np.newaxis], layout.positions[node], box_half_size(node), 0.1).all()


def test_a_curve_through_a_box_is_noticed():
    layout = cell_layout({(0, 2): "a", (1, 2): "b"}, (2,))
    start, end = (np.array(layout.positions[node]) for node in (0, 1))
    layout.curves[0, 3] = np.linspace(start + 0.5 * (end - start), end, 4)
    assert crossed_boxes(layout) == [((0, 3), 1)]
