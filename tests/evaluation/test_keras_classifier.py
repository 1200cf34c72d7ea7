import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.auxiliary_classifier import AuxiliaryClassifier
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.keras_classifier import keras_classifier
from eoinas_tf.evaluation.residual_network import ResidualNetwork
from eoinas_tf.space.genotype import Genotype

EDGES = (("max_pool_3x3", 0), ("skip_connect", 1))
CELLS = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
SHAPE = (16, 16, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, *SHAPE)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 1])
MEAN, DEVIATION = np.array([120.0, 110.0, 100.0]), np.array([60.0, 61.0, 62.0])


def built(stem="cifar"):
    network = EvaluationNetwork(CELLS, 3, cells=3, init_channels=2, stem=stem, auxiliary=False)
    network.build((None, *SHAPE))
    return network


def made(network, **arguments):
    return keras_classifier(network, SHAPE, **{"mean": MEAN, "standard_deviation": DEVIATION, **arguments})


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_it_says_what_the_network_says_of_normalized_images(stem):
    network = built(stem)
    expected = tf.nn.softmax(network(((IMAGES - MEAN) / DEVIATION).astype(np.float32)))
    np.testing.assert_allclose(made(network)(IMAGES), expected, rtol=1e-4, atol=1e-6)


def test_a_network_of_blocks_likewise():
    network = ResidualNetwork(3, 3, 2)
    network.build((None, *SHAPE))
    expected = tf.nn.softmax(network(((IMAGES - MEAN) / DEVIATION).astype(np.float32)))
    np.testing.assert_allclose(made(network)(IMAGES), expected, rtol=1e-4, atol=1e-6)


def test_without_its_top_it_is_a_backbone():
    network = built()
    backbone = made(network, include_top=False)
    assert backbone.output_shape == (None, 4, 4, 8)
    maps = backbone(IMAGES).numpy()
    np.testing.assert_allclose(made(network, include_top=False, pooling="max")(IMAGES), maps.max(axis=(1, 2)))
    average = made(network, include_top=False, pooling="avg")(IMAGES)
    np.testing.assert_allclose(average, maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)
    logits = made(network, activation=None)(IMAGES)
    np.testing.assert_allclose(logits, network.classifier(average), rtol=1e-4, atol=1e-6)


def test_the_loss_in_training_takes_in_the_auxiliary_classifier_s():
    network = built()
    model = made(network, auxiliary_weight=0.25)
    model.compile("sgd", "sparse_categorical_crossentropy")
    auxiliary = next(layer for layer in model.layers if isinstance(layer, AuxiliaryClassifier))
    assert model.layers.index(auxiliary) == model.layers.index(network.cells[2]) + 1
    network.classifier.kernel.regularizer = keras.regularizers.L1(0.5)
    added = 0.5 * np.abs(network.classifier.kernel.numpy()).sum()

    outputs = model(IMAGES, training=True)
    head_outputs = auxiliary.take_outputs()
    bare, head = (-np.log(np.asarray(rows)[range(4), LABELS]).mean() for rows in (outputs, head_outputs))
    model(IMAGES, training=True)
    loss = model.compute_loss(IMAGES, LABELS, outputs, training=True)
    np.testing.assert_allclose(loss, bare + added + 0.25 * head, rtol=1e-5)
    np.testing.assert_allclose(model.compute_loss(IMAGES, LABELS, outputs, training=False), bare + added, rtol=1e-5)


def test_made_again_under_another_policy_it_computes_as_before(tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = made(built(), auxiliary_weight=0.4)
    finally:
        keras.config.set_dtype_policy(before)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert keras.config.dtype_policy() == before
    np.testing.assert_array_equal(again(IMAGES), model(IMAGES))
    assert again.get_layer("cell_0").first_preprocessing.compute_dtype == "bfloat16"
