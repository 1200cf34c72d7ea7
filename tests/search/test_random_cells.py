import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from eoinas_tf.search.random_cells import drawn_cells, random_cells, uniform_evidence
from eoinas_tf.space.cell_topology import EDGES, incoming_edges
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import NONE, OPERATION_NAMES, SKIP_CONNECT

SKIP = OPERATION_NAMES.index(SKIP_CONNECT)
CELLS = np.array(list(itertools.islice(random_cells(0, OPERATION_NAMES), 3000)))


def kept_pairs(cells, node):
    """The index of the pair of edges that a node keeps, by cell: 0 for the first of all possible pairs."""
    edges = [edge.index for edge in incoming_edges(node)]
    kept = cells[:, edges] != OPERATION_NAMES.index(NONE)
    assert (kept.sum(axis=1) == 2).all()
    pairs = list(itertools.combinations(range(len(edges)), 2))
    return np.array([pairs.index(tuple(np.flatnonzero(row))) for row in kept]), len(pairs)


def uniformity(values, count):
    """The probability that uniform draws differ from equal counts at least as much as these."""
    return chisquare(np.bincount(values, minlength=count)).pvalue


@pytest.mark.parametrize("node", [3, 4, 5])
@pytest.mark.parametrize("cell_type", [0, 1])
def test_each_pair_of_predecessors_is_equally_likely(cell_type, node):
    assert uniformity(*kept_pairs(CELLS[:, cell_type], node)) > 0.001


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: f"{edge.from_node}-{edge.to_node}")
def test_each_operation_but_none_is_equally_likely(edge):
    for cell_type in (0, 1):
        operations = CELLS[:, cell_type, edge.index]
        operations = operations[operations != OPERATION_NAMES.index(NONE)]
        assert uniformity(operations - 1, len(OPERATION_NAMES) - 1) > 0.001


def test_the_two_cells_and_a_cell_s_edges_are_independent():
    # Edges 0 and 1 are always in the cell: node 2 has no others.
    for first, second in ((CELLS[:, 0, 0], CELLS[:, 1, 0]), (CELLS[:, 0, 0], CELLS[:, 0, 1])):
        assert uniformity((first - 1) * 7 + second - 1, 49) > 0.001


def test_the_test_of_uniformity_can_fail():
    """Draws two of three edges one after the other, the second always from those after the first."""
    generator = np.random.default_rng(0)
    first = generator.integers(0, 2, 3000)
    second = np.array([generator.integers(edge + 1, 3) for edge in first])
    pairs = list(itertools.combinations(range(3), 2))
    skewed = np.array([pairs.index(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)])
    assert uniformity(skewed, 3) < 1e-6


def test_the_seed_decides_the_cells():
    again = np.array(list(itertools.islice(random_cells(0, OPERATION_NAMES), 3)))
    np.testing.assert_array_equal(again, CELLS[:3])
    assert np.any(next(random_cells(1, OPERATION_NAMES)) != CELLS[0])
    assert len({cell.tobytes() for cell in CELLS}) == len(CELLS)


def test_another_order_of_operations_and_another_number_of_them_are_drawn_alike():
    names = (SKIP_CONNECT, "sep_conv_3x3", NONE)
    cells = np.array(list(itertools.islice(random_cells(0, names), 1000)))
    assert ((cells != 2).sum(axis=-1) == 8).all()
    assert uniformity(cells[:, 0, 0], 2) > 0.001


@pytest.mark.parametrize("most", [0, 1])
def test_a_limit_on_identities_only_leaves_cells_out(most):
    few = np.sum(CELLS[:, 0] == SKIP, axis=-1) <= most
    assert 100 < few.sum() < len(CELLS)
    limited = list(itertools.islice(random_cells(0, OPERATION_NAMES, most), int(few.sum())))
    np.testing.assert_array_equal(limited, CELLS[few])
    assert any(np.sum(cell[1] == SKIP) > most for cell in limited)


def test_a_drawn_cell_becomes_the_genotype_of_its_edges():
    for operation_index in CELLS[:50]:
        cells = drawn_cells(operation_index, OPERATION_NAMES, "a source")
        np.testing.assert_array_equal(cells.operation_index, operation_index)
        expected = [
            tuple(
                (OPERATION_NAMES[cell[edge.index]], edge.from_node)
                for edge in EDGES
                if OPERATION_NAMES[cell[edge.index]] != NONE
            )
            for cell in operation_index
        ]
        assert [cells.genotype.normal, cells.genotype.reduce] == expected
        assert cells.warnings == ()
        assert cells.genotype.source == "a source"
        assert Genotype.from_json(cells.genotype.to_json()) == cells.genotype


def test_what_learns_nothing_finds_all_living_operations_equally_likely():
    living = np.ones((2, 14, 8), bool)
    living[0, 0, 4:] = False
    evidence = uniform_evidence(living)
    np.testing.assert_array_equal(evidence.scores[0, 0], [0.25] * 4 + [np.nan] * 4)
    np.testing.assert_array_equal(evidence.scores[1], np.full((14, 8), 0.125))


def test_a_space_without_none_and_identities_is_drawn_from_too():
    names = ("sep_conv_3x3", "max_pool_3x3")
    cell = next(random_cells(3, names, max_skip_connections=0))
    # The index after the candidates stands for omitted edges.
    assert sorted(set(cell.ravel())) == [0, 1, 2]
    assert (np.sum(cell < 2, axis=-1) == 8).all()
    assert {operation for operation, _ in drawn_cells(cell, names, "here").genotype.normal} <= set(names)
