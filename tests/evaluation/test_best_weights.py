import numpy as np
import pytest

from eoinas_tf.evaluation.best_weights import BestWeights
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.space.genotype import Genotype

EDGES = (("sep_conv_3x3", 0), ("skip_connect", 1))


@pytest.fixture
def network():
    network = EvaluationNetwork(Genotype(EDGES, (2,), EDGES, (2,)), 3, cells=3, init_channels=2)
    network.build((None, 8, 8, 1))
    return network


def values(variables):
    return [variable.numpy() for variable in variables]


def test_what_was_kept_comes_back_moving_statistics_too(network):
    best = BestWeights(network)
    for number, variable in enumerate(network.variables):
        variable.assign(np.full(variable.shape, 1.0 + number, np.float32))
    best.keep()
    expected = values(network.variables)
    for variable in network.variables:
        variable.assign(np.zeros(variable.shape, np.float32))
    for copy, value in zip(values(best.variables), expected, strict=True):
        np.testing.assert_array_equal(copy, value)
    best.restore()
    for own, value in zip(values(network.variables), expected, strict=True):
        np.testing.assert_array_equal(own, value)


def test_it_begins_with_the_network_s_own_values(network):
    for copy, own in zip(values(BestWeights(network).variables), values(network.variables), strict=True):
        np.testing.assert_array_equal(copy, own)
