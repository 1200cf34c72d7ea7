import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.full_precision_network import full_precision_network
from eoinas_tf.optimization.precision import computing_in
from eoinas_tf.space.genotype import Genotype

EDGES = (("sep_conv_3x3", 0), ("max_pool_3x3", 1))
CELLS = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
SHAPE = (8, 8, 3)


def build(network, precision):
    config = EvaluationConfig(network=network, genotype="DARTS_V2" * (network == "cells"), cells=3, init_channels=4)
    with computing_in(precision):
        return build_network(config, CELLS if network == "cells" else None, SHAPE, 5)


@pytest.mark.parametrize("kind", ["cells", "residual", "mobilenet_v2"])
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_the_copy_has_the_weights_and_computes_in_float32(kind, precision, generator):
    network, reference = build(kind, precision), build(kind, "float32")
    for own, other in zip(network.variables, reference.variables, strict=True):
        low, high = (0.5, 1.5) if len(own.shape) == 1 else (-0.5, 0.5)
        own.assign(generator.uniform(low, high, own.shape))
        other.assign(own)
    images = tf.constant(generator.normal(size=(4, *SHAPE)), tf.float32)
    copy = full_precision_network(network, SHAPE)
    np.testing.assert_array_equal(copy(images, training=False), reference(images, training=False))
    assert np.any(network(images, training=False) != copy(images, training=False))
    assert {layer.compute_dtype for layer in [copy, *copy.layers]} == {"float32"}


def test_a_network_in_float32_is_its_own():
    network = build("cells", "float32")
    assert full_precision_network(network, SHAPE) is network
