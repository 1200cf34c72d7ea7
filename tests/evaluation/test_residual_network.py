import math

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.evaluation.residual_network import ResidualNetwork


def build(image_shape, *arguments, **keywords):
    network = ResidualNetwork(*arguments, **keywords)
    network.build((None, *image_shape))
    return network


def test_resnet_20_has_the_published_size():
    """0.27 million parameters (Table 6 of the ResNet paper) and 40.8 million multiply-adds; ours adds projections."""
    network = build((32, 32, 3), 10, 9, 16)
    projections = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    parameters = (
        9 * (3 * 16 + 6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64)
        + 2 * (7 * 16 + 6 * 32 + 6 * 64)
        + 64 * 10
        + 10
    )
    assert count_parameters(network) == (parameters + projections, 0)
    assert math.isclose(parameters, 0.27e6, rel_tol=0.02)
    multiply_adds = (
        9 * (3 * 16 + 6 * 16 * 16) * 1024 + 9 * (16 * 32 + 5 * 32 * 32) * 256 + 9 * (32 * 64 + 5 * 64 * 64) * 64 + 640
    )
    assert count_multiply_adds(network, (32, 32, 3)) == multiply_adds + 16 * 32 * 256 + 32 * 64 * 64


@pytest.mark.parametrize(("stem", "sides", "last"), [("cifar", (12, 10), 4), ("imagenet", (64, 48), 8)])
def test_stages_double_the_width_and_halve_the_sides(stem, sides, last):
    network = build((*sides, 3), 5, 8, 2, stem)
    assert network(tf.zeros([2, *sides, 3])).shape == (2, 5)
    shapes = [shape for _, shape in network.layer_shapes((1, *sides, 3))]
    assert shapes[-1] == (1, 2 * last)
    widths = [block.units[-1].channels for block in network.blocks]
    assert widths == sorted(widths)


def test_stages_begin_where_reduction_cells_stand():
    network = build((8, 8, 3), 5, 5, 2)
    strides = [block.units[0].stride for block in network.blocks[1:]]
    assert strides == [1, 2, 1, 2, 1]


def test_its_config_builds_it_again(generator):
    network = build((8, 8, 3), 5, 3, 2)
    copy = ResidualNetwork.from_config(network.get_config())
    copy.build((None, 8, 8, 3))
    copy.set_weights(network.get_weights())
    images = generator.normal(size=(2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(network(images), copy(images))
