import numpy as np
import tensorflow as tf

from eoinas_tf.kernels.ordered_sums import ordered_sum
from eoinas_tf.kernels.quantizable_operations import is_quantizable, quantizable_operations
from eoinas_tf.space.convolution_blocks import FactorizedReduction


def test_only_a_block_is_quantizable():
    assert not is_quantizable()
    with quantizable_operations():
        assert is_quantizable()
    assert not is_quantizable()


def test_sums_are_chains_of_additions_of_two_terms():
    terms = [tf.constant([float(number)]) for number in range(5)]
    with quantizable_operations():
        graph = tf.function(lambda: ordered_sum(terms)).get_concrete_function().graph
        assert ordered_sum(terms).numpy() == [10.0]
    types = [operation.type for operation in graph.get_operations()]
    assert types.count("AddV2") == 4
    assert "AddN" not in types


def test_a_reduction_normalizes_each_half_by_itself_and_says_the_same(generator):
    layer = FactorizedReduction(5)
    images = tf.constant(generator.normal(size=(2, 7, 6, 3)).astype("float32"))
    layer(images)
    for weight in layer.normalization.weights:
        weight.assign(generator.uniform(0.5, 2.0, size=weight.shape))
    plain = layer(images, training=False)
    with quantizable_operations():
        np.testing.assert_allclose(layer(images, training=False), plain, rtol=1e-5, atol=1e-6)
        graph = tf.function(lambda image: layer(image, training=False)).get_concrete_function(images).graph
        # The end of the graph joins halves that are already normalized.
        ends = [operation.type for operation in graph.get_operations() if operation.type not in ("Identity", "NoOp")]
    assert ends[-1] == "ConcatV2"
