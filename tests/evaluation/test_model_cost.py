import math
from collections import Counter

import keras
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.evaluation_cell import EvaluationCell
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.evaluation.network_description import describe_network
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operations import Pooling
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

C = 4


def network_of(operation, image_shape=(8, 8, 3), **arguments):
    """Three cells with one node each: an operation on the first input, a skip connection from the second."""
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


@pytest.mark.parametrize(
    ("genotype", "stem", "image_shape", "dilation_padding"),
    [
        ("DARTS_V2", "cifar", (16, 16, 3), 0),
        ("AmoebaNet_A", "cifar", (14, 9, 1), 0),
        # A dilated convolution runs on four subsampled images, so odd sides are rounded up: cell 1 has 3x2 pixels and
        # computes 4x2, cell 2 has 2x1 and computes 2x2, with 25 taps and 2C or 4C channels.
        ("GDAS_V1", "imagenet", (40, 32, 3), 25 * 2 * C * (8 - 6) + 25 * 4 * C * (4 - 2)),
    ],
)
def test_the_count_is_that_of_tensorflows_profiler(genotype, stem, image_shape, dilation_padding):
    """The profiler counts a multiply-add as two operations, and more than convolutions and the dense layer."""
    network = EvaluationNetwork(PUBLISHED_GENOTYPES[genotype], 10, cells=3, init_channels=C, stem=stem)
    network.build((None, *image_shape))
    profiled = float_operations(network, image_shape)
    counted = sum(profiled.pop(kind) for kind in ("Conv2D", "DepthwiseConv2dNative", "MatMul"))
    assert count_multiply_adds(network, image_shape) == counted / 2 - dilation_padding
    assert profiled == beyond_convolutions(network, image_shape)


def float_operations(network, image_shape):
    """Floating-point operations for testing one image, by TensorFlow's type of operation."""
    function = tf.function(lambda images: network(images, training=False), autograph=False)
    graph = function.get_concrete_function(tf.TensorSpec([1, *image_shape])).graph
    profiler = tf.compat.v1.profiler
    builder = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
    profile = profiler.profile(graph, cmd="op", options=builder.with_empty_output().build())
    return own_operations(profile)


def own_operations(node):
    """Operations by type; the profiler's nodes are nested, and each includes those below it."""
    own = node.total_float_ops - sum(child.total_float_ops for child in node.children)
    return sum((own_operations(child) for child in node.children), Counter({node.name: own} if own else {}))


def beyond_convolutions(network, image_shape):
    """The operations that the profiler counts in addition to convolutions and the dense layer's product."""
    operations = Counter(BiasAdd=network.num_classes)
    for part, shapes in network.layer_shapes((1, *image_shape)):
        if isinstance(part, EvaluationCell):
            output_shape = part.compute_output_shape(shapes)
            operations["AddN"] += math.prod(output_shape[1:3]) * part.channels * len(part.edges) // 2
            for block, shape in part.layer_shapes(shapes):
                operations += of_block(block, shape)
            operations["Mean"] = math.prod(output_shape)  # The last cell's output is averaged.
        elif part is not network.auxiliary_head:
            operations += of_block(part, shapes)
    return operations


def of_block(block, shape):
    """Normalization: a variance's reciprocal square root counts two; pooling: the window's pixels."""
    operations = Counter()
    positions = math.prod(block.compute_output_shape(shape)[1:-1])
    for weight in block.trainable_weights:
        if weight.name == "gamma":
            (channels,) = weight.shape
            elements = channels * positions
            operations += Counter(
                Rsqrt=2 * channels, Sub=channels, Mul=2 * channels + elements, AddV2=channels + elements
            )
    if isinstance(block, Pooling):
        outputs = block.channels * positions
        operations["AvgPool" if block.kind == "average" else "MaxPool"] += 9 * outputs
        if block.kind == "average" and block.stride == 2:
            operations["Mul"] += outputs  # Removes the padding from the mean.
    return operations


# Exact reference values: the logs of the reference code; those of other cells are in test_genotype_table.py.
@pytest.mark.parametrize(
    ("settings", "parameters", "auxiliary_parameters"),
    [
        ({}, 3_349_342, 476_426),
        ({"cells": 14, "init_channels": 48, "stem": "imagenet"}, 4_718_752, 1_260_776),
    ],
)
def test_published_networks(settings, parameters, auxiliary_parameters):
    described = describe_network(EvaluationConfig(genotype="DARTS_V2", **settings))
    assert (described["parameters"], described["auxiliary_parameters"]) == (parameters, auxiliary_parameters)


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
