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
