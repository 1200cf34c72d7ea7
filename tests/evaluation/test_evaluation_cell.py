import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.drop_path import DropPath, draw_path_scales
from eoinas_tf.evaluation.evaluation_cell import EvaluationCell
from eoinas_tf.space.convolution_blocks import FactorizedReduction, ReLUConvolution
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

# Node 2 = skip(0) + average(1), node 3 = separable(2) + skip(2); the reduction cell likewise.
SMALL = Genotype(
    normal=(("skip_connect", 0), ("avg_pool_3x3", 1), ("sep_conv_3x3", 2), ("skip_connect", 2)),
    normal_concat=(3, 2),
    reduce=(("skip_connect", 0), ("max_pool_3x3", 1), ("sep_conv_3x3", 1), ("skip_connect", 2)),
    reduce_concat=(2, 3),
)


def built(**arguments):
    keras.utils.set_random_seed(0)
    cell = EvaluationCell(SMALL, channels=4, **arguments)
    sides = 8 if cell.follows_reduction else 4
    shapes = [(None, sides, sides, 3), (None, 4, 4, 6)]
    cell.build(shapes)
    inputs = [tf.random.stateless_normal([5, *shape[1:]], [1, 2]) for shape in shapes]
    return cell, shapes, inputs


def test_a_node_sums_two_operations_and_the_output_concatenates_nodes():
    cell, _, inputs = built()
    first = cell.first_preprocessing(inputs[0], training=True)
    second = cell.second_preprocessing(inputs[1], training=True)
    node_2 = first + tf.nn.avg_pool2d(second, 3, 1, "SAME")
    node_3 = cell.operations[2](node_2, training=True) + node_2
    np.testing.assert_allclose(cell(inputs, training=True), tf.concat([node_3, node_2], -1), atol=1e-6)


@pytest.mark.parametrize("is_reduction", [False, True])
@pytest.mark.parametrize("follows_reduction", [False, True])
def test_shapes(is_reduction, follows_reduction):
    cell, shapes, inputs = built(is_reduction=is_reduction, follows_reduction=follows_reduction)
    expected = (5, 2, 2, 8) if is_reduction else (5, 4, 4, 8)
    assert cell(inputs).shape == expected
    assert cell.compute_output_shape([(5, *shape[1:]) for shape in shapes]) == expected
    assert type(cell.first_preprocessing) is (FactorizedReduction if follows_reduction else ReLUConvolution)


def test_only_operations_on_the_inputs_of_a_reduction_cell_have_stride_2():
    cell, _, _ = built(is_reduction=True)
    assert [operation.stride for operation in cell.operations] == [2, 2, 2, 1]
    assert [operation.stride for operation in built()[0].operations] == [1, 1, 1, 1]


def test_a_node_may_be_left_out_of_the_output():
    """Node 3 is concatenated and reads node 2, which is not; node 4 is neither concatenated nor read."""
    edges = (*SMALL.normal, ("sep_conv_3x3", 0), ("avg_pool_3x3", 3))
    genotype = Genotype(normal=edges, normal_concat=(3,), reduce=edges, reduce_concat=(3,))
    cell = EvaluationCell(genotype, channels=4)
    inputs = [tf.random.stateless_normal([5, 4, 4, 3], [1, 2]), tf.random.stateless_normal([5, 4, 4, 6], [3, 4])]
    outputs = cell(inputs)
    node_2 = cell.first_preprocessing(inputs[0]) + tf.nn.avg_pool2d(cell.second_preprocessing(inputs[1]), 3, 1, "SAME")
    np.testing.assert_allclose(outputs, cell.operations[2](node_2) + node_2, atol=1e-6)
    assert cell.compute_output_shape([tensor.shape for tensor in inputs]) == outputs.shape == (5, 4, 4, 4)


@pytest.mark.parametrize(("name", "nodes"), [("NASNet_A", (5, 3)), ("AmoebaNet_A", (3, 3))])
def test_cells_of_five_nodes_that_concatenate_some(name, nodes):
    first, second = tf.ones([1, 12, 8, 5]), tf.ones([1, 6, 4, 6])
    for is_reduction, sides in ((False, (6, 4)), (True, (3, 2))):
        cell = EvaluationCell(PUBLISHED_GENOTYPES[name], 4, is_reduction, follows_reduction=True)
        assert cell([first, second], training=True).shape == (1, *sides, 4 * nodes[is_reduction])


def test_odd_sides_fit_together():
    cell = EvaluationCell(PUBLISHED_GENOTYPES["GDAS_V1"], 4, is_reduction=True, follows_reduction=True)
    assert cell([tf.zeros([1, 13, 9, 5]), tf.zeros([1, 7, 5, 6])]).shape == (1, 4, 3, 16)


def test_drop_path_scales_every_operation_but_identity_and_only_in_training():
    cell, _, inputs = built()
    drop_path = DropPath(tf.constant(0.5), tf.constant([3, 4], tf.int64))
    scales = draw_path_scales(drop_path, 4, 5)
    first = cell.first_preprocessing(inputs[0], training=True)
    second = cell.second_preprocessing(inputs[1], training=True)
    node_2 = first + scales[1] * tf.nn.avg_pool2d(second, 3, 1, "SAME")
    node_3 = scales[2] * cell.operations[2](node_2, training=True) + node_2
    with_drop_path = cell(inputs, training=True, drop_path=drop_path)
    np.testing.assert_allclose(with_drop_path, tf.concat([node_3, node_2], -1), atol=1e-6)
    np.testing.assert_array_equal(cell(inputs, training=False, drop_path=drop_path), cell(inputs, training=False))


def test_drop_path_drops_an_identity_of_stride_2():
    cell, _, inputs = built(is_reduction=True)
    all_dropped = DropPath(tf.constant(1.0 - 1e-7), tf.constant([3, 4], tf.int64))
    node_2 = cell(inputs, training=True, drop_path=all_dropped)[..., :4]
    np.testing.assert_array_equal(node_2, np.zeros([5, 2, 2, 4]))


def test_config_is_plain_data_and_rebuilds_the_cell():
    cell, shapes, _ = built(is_reduction=True)
    copy = EvaluationCell.from_config(json.loads(json.dumps(cell.get_config())))
    copy.build(shapes)
    assert copy.genotype == SMALL
    assert [weight.path.split("/", 1)[-1] for weight in copy.weights] == [
        weight.path.split("/", 1)[-1] for weight in cell.weights
    ]
