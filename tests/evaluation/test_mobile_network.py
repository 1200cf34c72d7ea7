import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.mobile_network import MobileNetV2
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters


def test_at_width_one_it_is_the_network_of_keras_applications():
    network = MobileNetV2(1000, 32, "imagenet")
    network.build((None, 224, 224, 3))
    reference = keras.applications.MobileNetV2(weights=None)
    assert count_parameters(network)[0] == sum(int(np.prod(weight.shape)) for weight in reference.trainable_weights)
    # Published as 300 million.
    assert count_multiply_adds(network, (224, 224, 3)) == pytest.approx(300e6, rel=0.01)
    shapes = [sorted(tuple(weight.shape) for weight in model.trainable_weights) for model in (network, reference)]
    assert shapes[0] == shapes[1]


def test_small_images_end_as_maps_of_an_eighth():
    network = MobileNetV2(10, 4)
    assert [shape for _, shape in network.layer_shapes((1, 32, 32, 3))][-2] == (1, 4, 4, 40)
    network.build((None, 9, 8, 1))
    assert network(tf.zeros([2, 9, 8, 1])).shape == (2, 10)


def test_widths_grow_with_the_first_one():
    widths = [
        [block.units[-1].channels for block in MobileNetV2(10, channels).blocks] for channels in (1, 5, 16, 32, 40)
    ]
    assert all(low <= high for rows in zip(*widths, strict=True) for low, high in itertools.pairwise(rows))
    assert [row[-1] for row in widths] == [1280, 1280, 1280, 1280, 1600]
    assert widths[3][:3] == [32, 16, 24]


def test_blocks_that_keep_their_shape_have_a_shortcut():
    shortcuts = [block.shortcut for block in MobileNetV2(10, 32, "imagenet").blocks]
    assert shortcuts.count("identity") == 10


def test_every_weight_is_trained():
    network = MobileNetV2(3, 2)
    network.build((None, 8, 8, 3))
    images = tf.random.stateless_normal([6, 8, 8, 3], [1, 2])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(network(images, training=True)))
    weights = [weight.value for weight in network.trainable_variables]
    assert all(gradient is not None for gradient in tape.gradient(loss, weights))
