import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.optimization.classification_metrics import cross_entropy, mean_accuracy
from eoinas_tf.optimization.precision import LossScale, NoLossScale
from eoinas_tf.search.updater import Updater
from eoinas_tf.supernet.choice import Sampled

INDEX = tf.constant(np.random.default_rng(3).integers(1, 8, (2, 14)), tf.int32)


@pytest.fixture
def updater(search):
    return Updater(search.network, Replicas(), NoLossScale(), search.state.weights)


def test_weight_gradients_are_those_of_the_loss(search, updater):
    batch = search.images, search.labels
    found = updater.gradients(batch, lambda: Sampled(INDEX), with_weights=True)
    with tf.GradientTape() as tape:
        logits = search.network(search.images, Sampled(INDEX))
        loss = tf.reduce_mean(cross_entropy(search.labels, logits))
    expected = tape.gradient(loss, search.network.trainable_variables)
    assert found.gradients == []
    for ours, theirs in zip(found.weight_gradients, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert float(found.loss) == pytest.approx(float(loss))
    assert float(found.accuracy) == float(mean_accuracy(search.labels, logits))
    np.testing.assert_array_equal(found.choice.operation_index, INDEX)


def test_without_anything_asked_for_there_is_no_gradient(search, updater):
    found = updater.gradients((search.images, search.labels), lambda: Sampled(INDEX))
    assert (found.gradients, found.weight_gradients) == ([], [])


def test_other_weights_take_the_place_of_the_network_s_and_have_gradients_of_their_own(search, updater):
    batch = search.images, search.labels
    before = search.values()["network_weights"]
    others = [tf.constant(value * 0.5 + 0.01) for value in before]
    found = updater.gradients(batch, lambda: Sampled(INDEX), with_weights=True, weights=others)
    for unchanged, value in zip(search.values()["network_weights"], before, strict=True):
        np.testing.assert_array_equal(unchanged, value)
    for variable, value in zip(search.network.trainable_variables, others, strict=True):
        variable.assign(value)
    expected = updater.gradients(batch, lambda: Sampled(INDEX), with_weights=True)
    assert float(found.loss) == pytest.approx(float(expected.loss), rel=1e-5)
    for ours, theirs in zip(found.weight_gradients, expected.weight_gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_loss_scale_leaves_the_gradients_as_they_are(search, updater):
    batch = search.images, search.labels
    scaled = Updater(search.network, Replicas(), LossScale(), search.state.weights).gradients(
        batch, lambda: Sampled(INDEX), with_weights=True
    )
    plain = updater.gradients(batch, lambda: Sampled(INDEX), with_weights=True)
    assert float(scaled.loss) == float(plain.loss)
    for ours, theirs in zip(scaled.weight_gradients, plain.weight_gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_class_factors_weigh_the_loss_of_weights_and_alpha(search):
    factors = np.linspace(0.25, 2.0, search.network.classifier.units).astype(np.float32)
    updater = Updater(search.network, Replicas(), NoLossScale(), search.state.weights, factors)
    found = updater.gradients((search.images, search.labels), lambda: Sampled(INDEX), with_weights=True)
    with tf.GradientTape() as tape:
        logits = search.network(search.images, Sampled(INDEX))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(search.labels, logits)
        loss = tf.reduce_sum(losses * factors[search.labels.numpy()]) / len(search.labels)
    assert float(found.loss) == pytest.approx(float(loss), rel=1e-6)
    expected = tape.gradient(loss, search.network.trainable_variables)
    for ours, theirs in zip(found.weight_gradients, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
