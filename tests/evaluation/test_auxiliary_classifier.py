import keras
import numpy as np
import tensorflow as tf

from eoinas_tf.evaluation.auxiliary_classifier import AuxiliaryClassifier

MAPS = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")


def test_the_input_passes_and_only_training_classifies_once():
    layer = AuxiliaryClassifier(5)
    np.testing.assert_array_equal(layer(MAPS), MAPS)
    assert layer.take_outputs() is None
    np.testing.assert_array_equal(layer(MAPS, training=True), MAPS)
    outputs = layer.take_outputs()
    np.testing.assert_allclose(tf.reduce_sum(outputs, axis=1), [1.0, 1.0], rtol=1e-5)
    np.testing.assert_allclose(outputs, tf.nn.softmax(layer.head(MAPS, training=True)), rtol=1e-5)
    assert layer.take_outputs() is None


def test_two_layers_do_not_take_each_other_s_outputs():
    first, second = AuxiliaryClassifier(5), AuxiliaryClassifier(2, activation=None)
    first(MAPS, training=True)
    second(MAPS, training=True)
    assert first.take_outputs().shape == (2, 5)
    assert second.take_outputs().shape == (2, 2)


def test_keras_makes_it_again_from_its_config():
    layer = AuxiliaryClassifier(5, "imagenet", 0.25, None, name="its_name")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    assert (again.num_classes, again.stem, again.loss_weight, again.activation) == (5, "imagenet", 0.25, None)
    assert not again.supports_jit
