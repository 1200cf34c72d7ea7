import numpy as np
import pytest

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.architecture_parameters import architecture_parameters, operation_weights


def test_operation_weights_are_a_softmax_over_the_living():
    logits = np.log([1.0, 2.0, 5.0])
    assert operation_weights(logits, np.array([True, True, True])) == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert operation_weights(logits, np.array([True, False, True])) == pytest.approx([1 / 6, 0, 5 / 6])


def test_alpha_starts_as_given_and_adam_has_the_settings():
    initial = np.arange(6.0).reshape(1, 2, 3)
    config = SearchConfig(architecture_learning_rate=0.25, architecture_beta_1=0.75, architecture_l2=0.125)
    group = architecture_parameters(config, initial)
    np.testing.assert_array_equal(group.variables[0], initial)
    assert float(group.optimizer.learning_rate) == 0.25
    assert (group.optimizer.beta_1, group.optimizer.beta_2, group.optimizer.epsilon) == (0.75, 0.999, 1e-8)
    assert (group.l2, group.clip_norm) == (0.125, None)
