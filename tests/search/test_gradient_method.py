import numpy as np
from scipy.special import softmax

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.gradient_method import GradientMethod
from eoinas_tf.search.search_method import SearchProblem
from eoinas_tf.space.operation_names import OPERATION_NAMES


def method():
    return GradientMethod(SearchProblem(SearchConfig(), OPERATION_NAMES, steps_per_epoch=5))


def test_alpha_starts_at_zero_and_everything_lives():
    one = method()
    assert tuple(one.operation_logits.shape) == (2, 14, 8)
    assert not np.any(one.operation_logits)
    assert np.all(one.living_operations)


def test_beta_of_the_living_ranks_operations():
    one = method()
    logits = np.random.default_rng(0).normal(size=(2, 14, 8)).astype(np.float32)
    one.operation_logits.assign(logits)
    dropped = np.zeros((2, 14, 8), bool)
    dropped[..., 3] = True
    one.drop(dropped)
    evidence = one.evidence()
    rest = np.delete(logits, 3, axis=-1)
    np.testing.assert_allclose(np.delete(evidence.scores, 3, axis=-1), softmax(rest.astype(float), axis=-1), rtol=1e-6)
    assert np.isnan(evidence.scores[..., 3]).all()
    assert evidence.score == "operation_weight"
    np.testing.assert_array_equal(np.delete(evidence.columns["operation_logit"], 3, axis=-1), rest)


def test_the_state_holds_alpha_the_mask_and_adam():
    one = method()
    state = one.state()
    assert list(state) == ["operation_logits", "living_operations", "architecture_optimizer"]
    assert state["operation_logits"][0] is one.operation_logits
    # Adam's iterations, learning rate and two moments.
    assert len(state["architecture_optimizer"]) == 4
