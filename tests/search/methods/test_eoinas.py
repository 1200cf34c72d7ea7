import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.search.methods.eoinas import Eoinas
from eoinas_tf.search.operation_importance import operation_importance
from eoinas_tf.search.search_method import SearchProblem
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.supernet.choice import Sampled

SETTINGS = {"pruning_after_epoch": 1, "pruning_every_epochs": 2}


def counted(unit="epochs", importance_weight=0.5):
    """A method whose operation 0 ran in 10 weight steps with accuracy 0.2 and 0.4, and operation 1 in 2 with 0.9."""
    config = SearchConfig(importance_iterations=unit, importance_weight=importance_weight, **SETTINGS)
    method = Eoinas(SearchProblem(config, OPERATION_NAMES, steps_per_epoch=5))
    for index, weight_steps, accuracies in ((0, 10, (0.2, 0.4)), (1, 2, (0.9,))):
        choice = Sampled(tf.fill([2, 14], index))
        for _ in range(weight_steps):
            method.after_weight_step(choice, tf.constant(0.0))
        for accuracy in accuracies:
            method.after_architecture_step(choice, tf.constant(accuracy))
    return method


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        # Ca = 0.3 and 0.9; Ce = 2 and 0.4 epochs, 10 and 2 steps, 10/1.5 and 2/1.5 of the mean (12 steps / 8).
        ("epochs", (0.125 + 0.5 * 0.3 / 2, 0.125 + 0.5 * 0.9 / 0.4)),
        ("steps", (0.125 + 0.5 * 0.03, 0.125 + 0.5 * 0.45)),
        ("relative", (0.125 + 0.5 * 0.045, 0.125 + 0.5 * 0.675)),
    ],
)
def test_importance_by_hand(unit, expected):
    evidence = counted(unit).evidence()
    assert evidence.score == "importance"
    np.testing.assert_allclose(evidence.scores[1, 13, :2], expected, rtol=1e-6)
    # An operation that was never sampled gets the mean C of those that were.
    np.testing.assert_allclose(evidence.scores[0, 0, 2:], np.mean(expected), rtol=1e-6)


def test_the_evidence_holds_what_importance_is_made_of():
    columns = counted().evidence().columns
    np.testing.assert_allclose(columns["accuracy"][0, 0, :3], [0.3, 0.9, np.nan], rtol=1e-6)
    np.testing.assert_allclose(columns["training_iterations"][0, 0, :3], [2, 0.4, 0])
    np.testing.assert_allclose(columns["weight_steps"][0, 0, :3], [10, 2, 0])


def test_importance_and_architecture_weight_name_different_operations():
    method = counted()
    logits = np.zeros((2, 14, 8))
    logits[..., 0], logits[..., 1] = 0.1, -0.1
    method.operation_logits.assign(logits)
    evidence = method.evidence()
    assert (np.argmax(evidence.columns["operation_weight"], axis=-1) == 0).all()
    assert (np.argmax(evidence.scores, axis=-1) == 1).all()
    # Operation 1 has the lowest weight; operation 0 has the lowest importance, so it is dropped.
    assert (np.argmin(evidence.columns["operation_weight"], axis=-1) == 1).all()
    assert (np.argmax(method.drops(4, evidence), axis=-1) == 0).all()


def test_without_lambda_it_is_the_architecture_weight():
    evidence = counted(importance_weight=0.0).evidence()
    np.testing.assert_allclose(evidence.scores, evidence.columns["operation_weight"])


def test_the_statistics_are_part_of_the_state():
    method = counted()
    assert list(method.state()) == ["operation_logits", "living_operations", "architecture_optimizer", "statistics"]
    assert len(method.state()["statistics"]) == 3


@pytest.mark.parametrize("ranking", ["end", "last_decision"])
def test_edges_are_ranked_by_the_importance_among_the_operations_that_count(ranking):
    """Operation 6 is left everywhere; 7 was dropped last. Alpha differs by edge, and so does Ce of both."""
    generator = np.random.default_rng(5)
    config = SearchConfig(edge_ranking=ranking, importance_iterations="relative", **SETTINGS)
    method = Eoinas(SearchProblem(config, OPERATION_NAMES, steps_per_epoch=5))
    method.operation_logits.assign(generator.normal(size=(2, 14, 8)))
    counts = [generator.integers(5, 50, (2, 14, 8)), np.full((2, 14, 8), 10), generator.uniform(2, 8, (2, 14, 8))]
    for variable, values in zip(method.statistics.variables, counts, strict=True):
        variable.assign(values)
    drop_epochs = np.tile([1, 2, 3, 4, 5, 6, 0, 7], (2, 14, 1))
    at_the_last_decision = drop_epochs % 7 == 0
    method.drop(~at_the_last_decision)
    # The importance decides for operation 6, whose alpha and Ca are raised.
    for variable, raised in ((method.operation_logits, 9.0), (method.statistics.accuracy_sums, 500.0)):
        values = np.array(tf.convert_to_tensor(variable))
        values[..., 6] = raised + generator.uniform(size=(2, 14))
        variable.assign(values)
    dropped = method.drops(8, method.evidence())
    assert (dropped == (drop_epochs == 7)).all()
    method.drop(dropped)
    among = at_the_last_decision if ranking == "last_decision" else drop_epochs == 0
    scores = operation_importance(
        np.asarray(method.operation_logits), among, method.statistics.counts(),
        importance_weight=0.5, unit="relative", steps_per_epoch=5,
    )  # fmt: skip
    expected = derive_cells(scores, drop_epochs == 0, drop_epochs, OPERATION_NAMES).genotype
    found = method.derive(method.evidence(), drop_epochs, lambda edges: 0.0, "").genotype
    assert (found.normal, found.reduce) == (expected.normal, expected.reduce)
