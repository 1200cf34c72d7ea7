import math

import keras
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

C = 4


def network_of(operation, image_shape=(8, 8, 3), **arguments):
    """Three cells of one node: an operation on the first input, a skip connection from the second."""
    edges = ((operation, 0), ("skip_connect", 1))
    genotype = Genotype(normal=edges, normal_concat=(2,), reduce=edges, reduce_concat=(2,))
    network = EvaluationNetwork(genotype, 10, **{"cells": 3, "init_channels": C, **arguments})
    network.build((None, *image_shape))
    return network


def by_hand(unit, sides=8):
    """Multiply-adds of `network_of` at 8x8x3; `unit(channels)` is an operation's count for one output position.

    Cell 0 is normal with C channels, cells 1 and 2 are reductions with 2C and 4C.
    """
    stem = 64 * 9 * 3 * 3 * C
    preprocessing = 64 * (3 * C * C) * 2 + 64 * (3 * C * 2 * C + C * 2 * C)  # cells 0 and 1, both inputs at 8x8
    preprocessing += 16 * (C * 4 * C + 2 * C * 4 * C)  # cell 2: factorized to 4x4, and 1x1 at 4x4
    operations = 64 * unit(C) + 16 * unit(2 * C) + 4 * unit(4 * C)
    skips = 16 * (2 * C) ** 2 + 4 * (4 * C) ** 2  # factorized reductions at stride 2; at stride 1 nothing
    return stem + preprocessing + operations + skips + 4 * C * 10


@pytest.mark.parametrize(
    ("operation", "unit"),
    [
        ("avg_pool_3x3", lambda channels: 0),
        ("max_pool_3x3", lambda channels: 0),
        ("sep_conv_3x3", lambda channels: 2 * (9 * channels + channels**2)),
        ("sep_conv_5x5", lambda channels: 2 * (25 * channels + channels**2)),
        ("dil_conv_3x3", lambda channels: 9 * channels + channels**2),
        ("dil_conv_5x5", lambda channels: 25 * channels + channels**2),
        ("sep_conv_7x7", lambda channels: 2 * (49 * channels + channels**2)),
    ],
)
def test_multiply_adds_by_hand(operation, unit):
    assert count_multiply_adds(network_of(operation), (8, 8, 3)) == by_hand(unit)


def test_a_convolution_along_rows_keeps_all_rows_at_stride_2():
    """Its output is as wide as the block's, and twice as high in the reduction cells 1 and 2."""
    expected = by_hand(lambda channels: 14 * channels**2) + 32 * 7 * (2 * C) ** 2 - 16 * 7 * (2 * C) ** 2
    expected += 8 * 7 * (4 * C) ** 2 - 4 * 7 * (4 * C) ** 2
    assert count_multiply_adds(network_of("conv_7x1_1x7"), (8, 8, 3)) == expected


@pytest.mark.parametrize("image_shape", [(7, 10, 1), (8, 8, 3)])
def test_odd_sides_and_the_imagenet_stem_count_rounded_up_positions(image_shape):
    height, width, channels = image_shape
    network = network_of("max_pool_3x3", image_shape, stem="imagenet")
    sides = [(math.ceil(height / 2**n), math.ceil(width / 2**n)) for n in range(6)]
    positions = [a * b for a, b in sides]
    stem = positions[1] * 9 * channels * 2 + positions[2] * 9 * 2 * C + positions[3] * 9 * C * C
    cells = positions[3] * (C * C + C * C)  # cell 0
    cells += positions[3] * (C * 2 * C + C * 2 * C) + positions[4] * (2 * C) ** 2  # cell 1
    cells += positions[4] * (C * 4 * C + 2 * C * 4 * C) + positions[5] * (4 * C) ** 2  # cell 2
    assert count_multiply_adds(network, image_shape) == stem + cells + 4 * C * 10


def test_the_count_is_that_of_tensorflows_profiler():
    network = EvaluationNetwork(PUBLISHED_GENOTYPES["DARTS_V2"], 10, cells=3, init_channels=C)
    network.build((None, 16, 16, 3))
    function = tf.function(lambda images: network(images, training=False))
    graph = function.get_concrete_function(tf.TensorSpec([1, 16, 16, 3])).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder(tf.compat.v1.profiler.ProfileOptionBuilder.float_operation())
    options = (
        builder.with_accounted_types(["Conv2D", "DepthwiseConv2dNative", "MatMul"])
        .with_empty_output()
        .order_by("float_ops")
        .build()
    )
    profile = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    counted = sum(child.total_float_ops - child_of(child) for child in walk(profile) if child.name in KINDS)
    assert count_multiply_adds(network, (16, 16, 3)) == counted / 2


KINDS = ("Conv2D", "DepthwiseConv2dNative", "MatMul")


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


def child_of(node):
    return sum(child.total_float_ops for child in node.children)


# Exact anchors: the logs of the reference code.
@pytest.mark.parametrize(
    ("genotype", "arguments", "sides", "parameters", "auxiliary"),
    [
        ("DARTS_V1", {}, 32, 3_169_414, 476_426),
        ("DARTS_V2", {}, 32, 3_349_342, 476_426),
        ("DARTS_V1", {"imagenet": True}, 224, 4_510_432, 1_260_776),
        ("DARTS_V2", {"imagenet": True}, 224, 4_718_752, 1_260_776),
    ],
)
def test_published_networks(genotype, arguments, sides, parameters, auxiliary):
    settings = {"num_classes": 10, "cells": 20, "init_channels": 36}
    if arguments:
        settings = {"num_classes": 1000, "cells": 14, "init_channels": 48, "stem": "imagenet"}
    with keras.StatelessScope(initialize_variables=False):  # Shapes are enough.
        network = EvaluationNetwork(PUBLISHED_GENOTYPES[genotype], **settings)
        network.build((None, sides, sides, 3))
    assert count_parameters(network) == (parameters, auxiliary)
    if genotype == "DARTS_V2" and arguments:
        # The published count includes more than convolutions and the dense layer.
        assert 0.92 * 574e6 < count_multiply_adds(network, (sides, sides, 3)) < 574e6


def test_a_network_without_an_auxiliary_head():
    with_head, without = network_of("sep_conv_3x3"), network_of("sep_conv_3x3", auxiliary=False)
    assert count_parameters(without) == (count_parameters(with_head)[0], 0)
    assert count_multiply_adds(without, (8, 8, 3)) == count_multiply_adds(with_head, (8, 8, 3))


def test_a_kernel_that_no_shape_leads_to_is_an_error():
    class Forgetful(EvaluationNetwork):
        def build(self, input_shape):
            super().build(input_shape)
            self.forgotten = keras.layers.Dense(2)
            self.forgotten.build((None, 3))

    network = Forgetful(PUBLISHED_GENOTYPES["DARTS_V2"], 10, cells=3, init_channels=C)
    network.build((None, 8, 8, 3))
    with pytest.raises(ValueError, match="does not lead to"):
        count_multiply_adds(network, (8, 8, 3))
