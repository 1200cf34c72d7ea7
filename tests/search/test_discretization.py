import numpy as np

from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.space.cell_topology import EDGES
from eoinas_tf.space.operation_names import OPERATION_NAMES

SHAPE = (2, 14, 8)


def index_of(name):
    return OPERATION_NAMES.index(name)


def edge_of(from_node, to_node):
    return next(edge.index for edge in EDGES if (edge.from_node, edge.to_node) == (from_node, to_node))


def derive(importance, living=None, dropped=None):
    living = np.ones(SHAPE, bool) if living is None else living
    dropped = np.zeros(SHAPE, int) if dropped is None else dropped
    return derive_cells(importance, living, dropped, OPERATION_NAMES, "a test")


def test_two_strongest_edges_of_a_node_with_their_strongest_operations():
    importance = np.full(SHAPE, 0.1)
    importance[0, edge_of(0, 3), index_of("sep_conv_3x3")] = 0.6
    importance[0, edge_of(2, 3), index_of("max_pool_3x3")] = 0.9
    importance[0, edge_of(1, 3), index_of("dil_conv_5x5")] = 0.5
    cells = derive(importance)
    assert cells.genotype.normal[2:4] == (("max_pool_3x3", 2), ("sep_conv_3x3", 0))
    assert cells.genotype.source == "a test"
    assert cells.warnings == ()


def test_the_most_important_operation_is_passed_over_when_it_is_none():
    importance = np.full(SHAPE, 0.1)
    importance[0, edge_of(0, 3), index_of("none")] = 0.9
    importance[0, edge_of(0, 3), index_of("skip_connect")] = 0.2
    importance[0, edge_of(1, 3), index_of("sep_conv_5x5")] = 0.3
    importance[0, edge_of(2, 3), index_of("dil_conv_3x3")] = 0.4
    # Edge 0-3 is worth 0.2, not 0.9.
    assert derive(importance).genotype.normal[2:4] == (("dil_conv_3x3", 2), ("sep_conv_5x5", 1))


def test_dropped_operations_do_not_count():
    importance = np.full(SHAPE, 0.1)
    living = np.ones(SHAPE, bool)
    importance[1, edge_of(0, 2), index_of("sep_conv_3x3")] = 0.9
    living[1, edge_of(0, 2), index_of("sep_conv_3x3")] = False
    importance[1, edge_of(0, 2), index_of("avg_pool_3x3")] = 0.2
    assert ("avg_pool_3x3", 0) in derive(importance, living).genotype.reduce[:2]


def only_none_on(*edges, cell_type=0):
    living = np.ones(SHAPE, bool)
    for edge in edges:
        living[cell_type, edge] = np.arange(8) == index_of("none")
    return living


def test_an_edge_with_only_none_ranks_behind_every_other():
    importance = np.full(SHAPE, 0.1)
    importance[0, edge_of(0, 3)] = np.where(np.arange(8) == index_of("none"), 5.0, np.nan)
    cells = derive(importance, only_none_on(edge_of(0, 3)))
    assert [node for _, node in cells.genotype.normal[2:4]] == [1, 2]
    assert cells.warnings == ()


def test_a_node_that_needs_an_edge_with_only_none_takes_what_lived_longest_and_says_so():
    importance = np.full(SHAPE, 0.1)
    dropped = np.zeros(SHAPE, int)
    dropped[0, edge_of(0, 2)] = [0, 40, 60, 140, 80, 100, 120, 20]
    cells = derive(importance, only_none_on(edge_of(0, 2)), dropped)
    # Node 2 has two edges, so it needs both; the one that has only none comes second.
    assert cells.genotype.normal[0][1] == 1
    assert cells.genotype.normal[1] == ("dil_conv_3x3", 0)
    assert len(cells.warnings) == 1
    assert "dil_conv_3x3" in cells.warnings[0]
    assert "from node 0 to node 2" in cells.warnings[0]


def test_the_super_network_s_form_holds_the_same_cells():
    generator = np.random.default_rng(3)
    cells = derive(generator.uniform(size=SHAPE))
    for cell_type, pairs in enumerate((cells.genotype.normal, cells.genotype.reduce)):
        kept = {
            (edge.to_node, edge.from_node): OPERATION_NAMES[cells.operation_index[cell_type, edge.index]]
            for edge in EDGES
            if cells.operation_index[cell_type, edge.index] != index_of("none")
        }
        assert kept == {(2 + position // 2, node): name for position, (name, node) in enumerate(pairs)}
        assert len(kept) == 8


def test_any_importances_give_two_different_predecessors_a_node():
    generator = np.random.default_rng(4)
    for _ in range(50):
        living = generator.uniform(size=SHAPE) < 0.3
        living[..., 0] |= ~living.any(axis=-1)
        dropped = np.where(living, 0, generator.integers(1, 160, SHAPE))
        genotype = derive(generator.uniform(size=SHAPE), living, dropped).genotype
        for pairs in (genotype.normal, genotype.reduce):
            for first, second in zip(pairs[::2], pairs[1::2], strict=True):
                assert first[1] != second[1]
