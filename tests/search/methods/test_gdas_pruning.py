import numpy as np

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.methods.gdas_pruning import GdasPruning
from eoinas_tf.search.search_method import SearchProblem
from eoinas_tf.space.operation_names import OPERATION_NAMES


def test_the_lowest_architecture_weight_goes_when_a_drop_is_due():
    config = SearchConfig(method="gdas_pruning", pruning_after_epoch=4, pruning_every_epochs=3)
    method = GdasPruning(SearchProblem(config, OPERATION_NAMES, steps_per_epoch=5))
    logits = np.random.default_rng(0).normal(size=(2, 14, 8))
    method.operation_logits.assign(logits)
    evidence = method.evidence()
    assert [epoch for epoch in range(1, 13) if method.drops(epoch, evidence).any()] == [6, 9, 12]
    dropped = method.drops(6, evidence)
    np.testing.assert_array_equal(np.argmax(dropped, axis=-1), np.argmin(logits, axis=-1))
    assert (dropped.sum(axis=-1) == 1).all()
    method.drop(dropped)
    np.testing.assert_array_equal(
        np.argmax(method.drops(9, method.evidence()), axis=-1), np.argsort(logits, axis=-1)[..., 1]
    )


def finished(ranking, edge_strengths, decay=1.0):
    """A search that left separable convolutions; the last rival's alpha was lower by each edge's strength.

    After the last drop, alpha is multiplied by `decay`.
    """
    config = SearchConfig(method="gdas_pruning", edge_ranking=ranking, pruning_after_epoch=2, pruning_every_epochs=1)
    method = GdasPruning(SearchProblem(config, OPERATION_NAMES, steps_per_epoch=5))
    survivor, rival = OPERATION_NAMES.index("sep_conv_3x3"), OPERATION_NAMES.index("max_pool_3x3")
    logits = np.zeros((2, 14, 8))
    logits[..., rival] = -1.0 - np.array(edge_strengths)
    method.operation_logits.assign(logits)
    others = logits.copy()
    others[..., [number for number in range(8) if number not in (survivor, rival)]] = -200.0 - np.arange(6)
    method.operation_logits.assign(others)
    drop_epochs = np.zeros((2, 14, 8), int)
    for epoch in range(3, 10):
        dropped = method.drops(epoch, method.evidence())
        method.drop(dropped)
        drop_epochs[dropped] = epoch
        if epoch == 8:
            method.operation_logits.assign(logits)
    assert (drop_epochs[..., rival] == 9).all()
    method.operation_logits.assign(logits * decay)
    cells = method.derive(method.evidence(), drop_epochs, lambda edges: 0.0, "made up").genotype
    assert {name for name, _ in cells.normal} == {"sep_conv_3x3"}
    return [node for _, node in cells.normal]


def test_edges_are_ranked_by_the_weights_of_the_last_decision():
    """The strength rises or falls from edge to edge, which are listed by node: the last or first two of each node."""
    assert finished("last_decision", np.arange(14)) == [1, 0, 2, 1, 3, 2, 4, 3]
    assert finished("last_decision", np.arange(14)[::-1]) == [0, 1, 0, 1, 0, 1, 0, 1]
    # Whatever happens to alpha afterwards.
    for decay in (0.0, -1.0):
        assert finished("last_decision", np.arange(14), decay) == [1, 0, 2, 1, 3, 2, 4, 3]


def test_edges_with_several_operations_left_have_the_scores_of_the_end():
    """As with a schedule that was given in full and leaves some: the best of them by now is taken."""
    config = SearchConfig(method="gdas_pruning", edge_ranking="last_decision", pruning_after_epoch=2)
    method = GdasPruning(SearchProblem(config, OPERATION_NAMES, steps_per_epoch=5))
    method.operation_logits.assign(np.tile(np.arange(8.0), (2, 14, 1)))
    dropped = method.drops(40, method.evidence())
    assert dropped.any()
    method.drop(dropped)
    method.operation_logits.assign(np.tile(np.arange(8.0)[::-1], (2, 14, 1)))
    cells = method.derive(method.evidence(), np.where(dropped, 40, 0), lambda edges: 0.0, "").genotype
    assert {name for name, _ in cells.normal} == {OPERATION_NAMES[1]}


def test_the_scores_of_the_last_decision_are_part_of_the_state():
    for ranking, names in (("end", []), ("last_decision", ["decision_scores"])):
        config = SearchConfig(method="gdas_pruning", edge_ranking=ranking)
        state = GdasPruning(SearchProblem(config, OPERATION_NAMES, steps_per_epoch=5)).state()
        assert list(state) == ["operation_logits", "living_operations", "architecture_optimizer", *names]


def test_at_the_end_all_edges_are_equally_strong():
    """beta is 1 everywhere, so that the first two edges of each node are kept, whatever alpha is."""
    assert finished("end", np.arange(14)) == finished("end", np.arange(14)[::-1]) == [0, 1, 0, 1, 0, 1, 0, 1]
