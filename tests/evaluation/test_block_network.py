import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.block_network import BlockNetwork, ShortcutBlock
from eoinas_tf.evaluation.drop_path import DropPath

UNITS = [{"channels": 3, "activation": "relu"}, {"channels": 3}]


def built(block, shape=(4, 6, 6, 3)):
    block.build(shape)
    return block, tf.random.stateless_normal(shape, [1, 2])


@pytest.mark.parametrize("final_relu", [False, True])
def test_the_shortcut_is_added_to_the_units_output(final_relu):
    block, images = built(ShortcutBlock(UNITS, "identity", final_relu))
    first, second = block.units
    expected = second(first(images)) + images
    expected = tf.nn.relu(expected) if final_relu else expected
    np.testing.assert_allclose(block(images), expected, atol=1e-6)


def test_a_projection_brings_the_input_to_the_outputs_shape():
    block, images = built(ShortcutBlock([{"channels": 5, "stride": 2}, {"channels": 5}], "projection"))
    first, second = block.units
    np.testing.assert_allclose(block(images), second(first(images)) + block.projection(images), atol=1e-6)
    assert block.compute_output_shape(images.shape) == block(images).shape == (4, 3, 3, 5)


def test_dropped_images_keep_only_their_shortcut_and_kept_ones_are_scaled():
    """A test drops nothing; untrained moving statistics make its outputs differ from training's."""
    block, images = built(ShortcutBlock(UNITS, "identity"))
    path = DropPath(tf.constant(0.5), tf.constant([3, 4], tf.int64))
    outputs = block(images, training=True, drop_path=path)
    undropped = block(images, training=True)
    ratios = np.linalg.norm((outputs - images).numpy().reshape(4, -1), axis=1) / np.linalg.norm(
        (undropped - images).numpy().reshape(4, -1), axis=1
    )
    assert {round(float(ratio), 4) for ratio in ratios} == {0.0, 2.0}
    np.testing.assert_array_equal(block(images, training=False, drop_path=path), block(images, training=False))


def test_without_a_shortcut_nothing_is_dropped():
    block, images = built(ShortcutBlock(UNITS))
    path = DropPath(tf.constant(0.9), tf.constant([3, 4], tf.int64))
    np.testing.assert_array_equal(block(images, training=True, drop_path=path), block(images, training=True))


class TwoBlocks(BlockNetwork):
    def build_blocks(self):
        return [ShortcutBlock(UNITS[:1]), ShortcutBlock(UNITS, "identity")]


def test_a_network_is_its_blocks_the_mean_over_pixels_and_a_dense_layer():
    network = TwoBlocks(2, 3)
    network.build((None, 6, 6, 3))
    images = tf.random.stateless_normal([4, 6, 6, 3], [1, 2])
    expected = network.classifier(tf.reduce_mean(network.blocks[1](network.blocks[0](images)), axis=[1, 2]))
    np.testing.assert_allclose(network(images), expected, atol=1e-6)
    assert network.auxiliary_head is None
    path = DropPath(tf.constant(0.5), tf.constant([3, 4], tf.int64))
    assert np.any(network(images, training=True, drop_path=path) != network(images, training=True))


def test_what_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"stem must be cifar or imagenet\. Received: other"):
        TwoBlocks(2, 3, "other")
    with pytest.raises(ValueError, match=r"shortcut must be none, identity or projection\. Received: dense"):
        ShortcutBlock(UNITS, "dense")
