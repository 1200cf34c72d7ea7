import numpy as np
import tensorflow as tf

from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES


def test_it_computes_what_a_test_computes_and_holds_no_auxiliary_head():
    network = EvaluationNetwork(PUBLISHED_GENOTYPES["DARTS_V2"], 5, cells=3, init_channels=4)
    network.build((None, 8, 8, 1))
    served = ServedNetwork(network)
    images = tf.random.stateless_normal([2, 8, 8, 1], [1, 2])
    np.testing.assert_array_equal(served(images), network(images, training=False))
    paths = {variable.path for variable in served.variables}
    assert not any("auxiliary_head" in path for path in paths)
    assert len(paths) == len(network.variables) - len(network.auxiliary_head.variables)
