import numpy as np

from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.space.cell_topology import EDGES
from eoinas_tf.space.operation_names import OPERATION_NAMES

SHAPE = (2, 14, 8)


def index_of(name):
    return OPERATION_NAMES.index(name)


def edge_of(from_node, to_node):
    return next(edge.index for edge in EDGES if (edge.from_node, edge.to_node) == (from_node, to_node))


def derive(importance, living=None, dropped=None, limit=None):
    living = np.ones(SHAPE, bool) if living is None else living
    dropped = np.zeros(SHAPE, int) if dropped is None else dropped
    return derive_cells(importance, living, dropped, OPERATION_NAMES, "a test", limit)


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
    # Node 2 has two edges, so it needs both; the one with only `none` comes second.
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


def cell_of_skips():
    """Importances of a normal cell of eight identities; `second_best` gives the second best operation on each edge.

    Identity's I: 0.81 on edge 0-2, 0.82 on 1-2; node 3: 0.83, 0.84, 0.1; node 4: 0.85, 0.86, 0.1, 0.1; node 5: 0.87,
    0.88, 0.1, 0.1, 0.1. A 3x3 separable convolution has 0.3 on edge 0-2, 0.35 on 1-2 and 0.05 elsewhere, a dilated
    one 0.5 on edges 2-3 and 3-5.
    """
    importance = np.full(SHAPE, 0.01)
    importance[0, :, index_of("skip_connect")] = 0.1
    for position, edge in enumerate(edge_of(node, to_node) for to_node in (2, 3, 4, 5) for node in (0, 1)):
        importance[0, edge, index_of("skip_connect")] = 0.81 + 0.01 * position
    importance[0, :, index_of("sep_conv_3x3")] = 0.05
    importance[0, edge_of(0, 2), index_of("sep_conv_3x3")] = 0.3
    importance[0, edge_of(1, 2), index_of("sep_conv_3x3")] = 0.35
    importance[0, edge_of(2, 3), index_of("dil_conv_3x3")] = 0.5
    importance[0, edge_of(3, 5), index_of("dil_conv_3x3")] = 0.5
    importance[1, :, index_of("skip_connect")] = 0.9
    return importance


def skips_in(pairs):
    return sum(name == "skip_connect" for name, _ in pairs)


def test_identities_are_not_limited_where_nobody_asks():
    for limit in (None, 8):
        cells = derive(cell_of_skips(), limit=limit)
        assert skips_in(cells.genotype.normal) == skips_in(cells.genotype.reduce) == 8
        assert cells.warnings == ()


def test_the_weakest_identity_gives_way_to_the_next_operation_of_its_edge():
    """Node 2 needs both of its edges, so the edge without its identity stays, after the stronger one."""
    cells = derive(cell_of_skips(), limit=7)
    assert cells.genotype.normal[:2] == (("skip_connect", 1), ("sep_conv_3x3", 0))
    assert skips_in(cells.genotype.normal) == 7
    assert cells.operation_index[0, edge_of(0, 2)] == index_of("sep_conv_3x3")
    assert cells.warnings == (
        "normal cell: skip_connect is struck off the edge from node 0 to node 2 to leave no more than 7",
    )


def test_an_identity_gives_way_to_another_edge_that_is_stronger_without_it():
    """Ruled out in the order of their I: 0-2, 1-2, 0-3; node 3 then reads node 2, whose operation has 0.5."""
    cells = derive(cell_of_skips(), limit=5)
    assert cells.genotype.normal[:2] == (("sep_conv_3x3", 1), ("sep_conv_3x3", 0))
    assert cells.genotype.normal[2:4] == (("skip_connect", 1), ("dil_conv_3x3", 2))
    assert cells.operation_index[0, edge_of(0, 3)] == index_of("none")
    assert [warning.split("from ")[1].split(" to leave")[0] for warning in cells.warnings] == [
        "node 0 to node 2",
        "node 1 to node 2",
        "node 0 to node 3",
    ]


def test_an_identity_that_comes_in_by_another_edge_is_struck_too():
    """Node 4 has no convolution above 0.05: identities of 0.1 on edges 2-4 and 3-4 come first."""
    cells = derive(cell_of_skips(), limit=0)
    assert skips_in(cells.genotype.normal) == 0
    assert cells.genotype.normal[4:6] == (("sep_conv_3x3", 0), ("sep_conv_3x3", 1))
    assert cells.genotype.normal[6:] == (("dil_conv_3x3", 3), ("sep_conv_3x3", 0))
    # The eight of the first cell and two new ones, 2-4 and 3-4; nodes 3 and 5 get no new one, because 0.5 is above 0.1.
    assert sum("to node 4" in warning for warning in cells.warnings) == 4


def test_the_reduction_cell_is_not_limited():
    assert skips_in(derive(cell_of_skips(), limit=0).genotype.reduce) == 8


def one_survivor(importance):
    """As after the last drop: the most important operation of every edge lives, the others were dropped in order."""
    living = np.zeros(SHAPE, bool)
    np.put_along_axis(living, importance.argmax(axis=-1)[..., None], True, axis=-1)
    ranks = importance.argsort(axis=-1).argsort(axis=-1)
    return living, np.where(living, 0, 40 + 20 * ranks)


def test_after_the_last_drop_the_struck_edge_takes_what_lived_longest():
    importance = cell_of_skips()
    living, dropped = one_survivor(importance)
    cells = derive(np.where(living, importance, np.nan), living, dropped, limit=7)
    assert cells.genotype.normal[:2] == (("skip_connect", 1), ("sep_conv_3x3", 0))
    assert cells.warnings[1] == (
        "normal cell: nothing is left on the edge from node 0 to node 2, which the node needs; it takes sep_conv_3x3, "
        "which was dropped last"
    )


def test_of_operations_dropped_together_the_warning_says_that_the_list_decided():
    importance = cell_of_skips()
    living, dropped = one_survivor(importance)
    cells = derive(np.where(living, importance, np.nan), living, np.where(dropped, 40, 0), limit=7)
    assert cells.warnings[1].endswith("the first in the list of those dropped last")


def test_a_struck_edge_ranks_before_one_on_which_none_won():
    importance = cell_of_skips()
    importance[0, edge_of(0, 3), index_of("none")] = 2.0
    importance[0, edge_of(1, 3), index_of("skip_connect")] = 0.7
    importance[0, edge_of(2, 3), index_of("skip_connect")] = 0.6
    living, dropped = one_survivor(importance)
    cells = derive(np.where(living, importance, np.nan), living, dropped, limit=0)
    # Edge 0-3 has only `none`; the other two lost their identities, and take the operation dropped last.
    assert cells.genotype.normal[2:4] == (("sep_conv_3x3", 1), ("dil_conv_3x3", 2))


def test_an_identity_that_only_lived_longest_is_the_weakest():
    """On edge 0-2 `none` won, and identity was dropped last."""
    importance = cell_of_skips()
    importance[0, edge_of(0, 2), index_of("none")] = 2.0
    living, dropped = one_survivor(importance)
    evidence = np.where(living, importance, np.nan), living, dropped
    assert derive(*evidence).genotype.normal[1] == ("skip_connect", 0)
    cells = derive(*evidence, limit=7)
    assert cells.genotype.normal[:2] == (("skip_connect", 1), ("sep_conv_3x3", 0))


def test_any_importances_keep_to_the_limit():
    generator = np.random.default_rng(5)
    for _ in range(50):
        importance = generator.uniform(size=SHAPE)
        importance[..., index_of("skip_connect")] += 0.5
        living, dropped = one_survivor(importance)
        limit = int(generator.integers(0, 9))
        free = derive(importance, living, dropped).genotype
        limited = derive(importance, living, dropped, limit).genotype
        assert skips_in(limited.normal) <= limit
        assert limited.reduce == free.reduce
        if skips_in(free.normal) <= limit:
            assert limited == free
