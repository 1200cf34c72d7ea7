import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.errors import GenotypeError
from eoinas_tf.evaluation.drop_path import DropPath
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

DARTS_V2 = PUBLISHED_GENOTYPES["DARTS_V2"]
POOLING = Genotype(
    normal=(("skip_connect", 0), ("max_pool_3x3", 1)),
    normal_concat=(2,),
    reduce=(("skip_connect", 1), ("avg_pool_3x3", 1)),
    reduce_concat=(2,),
)


def built(genotype=POOLING, image_shape=(8, 8, 3), **arguments):
    keras.utils.set_random_seed(0)
    network = EvaluationNetwork(genotype, **{"num_classes": 5, "cells": 3, "init_channels": 4, **arguments})
    network.build((None, *image_shape))
    return network


@pytest.mark.parametrize(
    "entries",
    [
        {"normal": [["lambda", 0], ["skip_connect", 1]]},
        {"reduce": [["skip_connect", 2], ["skip_connect", 1]]},
        {"normal": [["skip_connect", 0]] * 20_000},
        {"normal_concat": [True]},
        {"stem": {"class_name": "Lambda"}},
    ],
)
def test_a_hostile_genotype_is_refused_before_any_layer_is_made(monkeypatch, entries):
    """As in a network's config, from which Keras rebuilds it."""
    genotype = {**json.loads(POOLING.to_json()), **entries}
    made = []
    make = keras.layers.Layer.__init__

    def counted(layer, *arguments, **options):
        made.append(type(layer))
        make(layer, *arguments, **options)

    monkeypatch.setattr(keras.layers.Layer, "__init__", counted)
    with pytest.raises(GenotypeError):
        EvaluationNetwork.from_config({"genotype": genotype, "num_classes": 5, "cells": 3})
    assert made == [EvaluationNetwork]


def test_logits_in_a_test_and_a_pair_in_training():
    network, images = built(), tf.ones([2, 8, 8, 3])
    assert network(images).shape == (2, 5)
    assert [logits.shape for logits in network(images, training=True)] == [(2, 5), (2, 5)]
    without = built(auxiliary=False)
    assert without.auxiliary_head is None
    assert without(images, training=True).shape == (2, 5)


@pytest.mark.parametrize(("stem", "follows"), [("cifar", [0, 0, 0, 1, 0, 1]), ("imagenet", [1, 0, 0, 1, 0, 1])])
def test_cells_double_their_channels_at_thirds(stem, follows):
    network = built(cells=6, stem=stem, image_shape=(32, 32, 3))
    assert [cell.is_reduction for cell in network.cells] == [False, False, True, False, True, False]
    assert [int(cell.follows_reduction) for cell in network.cells] == follows
    assert [cell.channels for cell in network.cells] == [4, 4, 8, 8, 16, 16]


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("image_shape", [(5, 9, 1), (4, 4, 3), (40, 33, 2)])
def test_any_image_size(stem, image_shape):
    network = built(stem=stem, image_shape=image_shape)
    logits, auxiliary_logits = network(tf.ones([2, *image_shape]), training=True)
    assert logits.shape == auxiliary_logits.shape == (2, 5)


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_the_call_is_the_chain_of_its_parts(stem):
    network = built(DARTS_V2, stem=stem, image_shape=(32, 32, 3))
    images = tf.random.stateless_normal([2, 32, 32, 3], [1, 2])
    outputs = [images]
    for convolution in network.stem_convolutions:
        outputs.append(convolution(outputs[-1], training=False))
    first, second = (outputs[1], outputs[1]) if stem == "cifar" else (outputs[2], outputs[3])
    for cell in network.cells:
        first, second = second, cell([first, second], training=False)
    expected = network.classifier(tf.reduce_mean(second, [1, 2]))
    np.testing.assert_allclose(network(images), expected, atol=1e-6)
    assert float(tf.math.reduce_std(expected)) > 0


def test_the_auxiliary_head_reads_the_second_reduction_cell():
    network, images = built(DARTS_V2, cells=6), tf.random.stateless_normal([4, 8, 8, 3], [1, 2])
    with tf.GradientTape() as tape:
        _, auxiliary_logits = network(images, training=True)
        squares = tf.reduce_sum(auxiliary_logits**2)
    kernels = [cell.second_preprocessing.convolution.kernel for cell in network.cells]
    gradients = tape.gradient(squares, kernels)
    assert [gradient is None for gradient in gradients] == [False] * 5 + [True]


def test_drop_path_reaches_every_cell_and_differs_between_them():
    network, images = built(cells=3), tf.random.stateless_normal([64, 8, 8, 3], [1, 2])
    masks = []
    for cell in network.cells:
        cell.call = recording(cell.call, masks)
    drop_path = DropPath(tf.constant(0.5), tf.constant([3, 4], tf.int64))
    dropped = network(images, training=True, drop_path=drop_path)[0]
    assert [received.probability.numpy() for received in masks] == [0.5] * 3
    assert len({tuple(received.seed.numpy()) for received in masks}) == 3
    assert np.abs(dropped - network(images, training=True)[0]).max() > 1e-3


def recording(call, received):
    def recorded(inputs, training=None, drop_path=None):
        if drop_path is not None:
            received.append(drop_path)
        return call(inputs, training=training, drop_path=drop_path)

    return recorded


def test_config_is_plain_data_and_rebuilds_the_network():
    network = built(DARTS_V2)
    copy = EvaluationNetwork.from_config(json.loads(json.dumps(network.get_config())))
    copy.build((None, 8, 8, 3))
    copy.set_weights(network.get_weights())
    images = tf.random.stateless_normal([2, 8, 8, 3], [1, 2])
    np.testing.assert_array_equal(copy(images), network(images))


def test_build_creates_every_variable():
    network = built(DARTS_V2)
    before = [variable.path for variable in network.variables]
    network(tf.ones([2, 8, 8, 3]), training=True)
    assert [variable.path for variable in network.variables] == before
