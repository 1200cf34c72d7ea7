"""Against exact second derivatives on a smooth network, and step by step, as in the paper's code, on a real one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from weighted_search import WeightedSearch, build_method, mean_cross_entropy

from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.optimization.parameter_group import ParameterGroup
from eoinas_tf.optimization.precision import LossScale, NoLossScale
from eoinas_tf.search.methods.darts_second_order import implicit_gradients, stepped_weights
from eoinas_tf.search.updater import Updater
from eoinas_tf.supernet.choice import Mixed

STEP = tf.constant(0, tf.int64)
# The central difference is off by eps**2 / 6 times the third derivative: 0.01**2 / 6 = 2e-5 for derivatives of about 1.
# The rest is for rounding, 6e-8 / (2 * 0.01) = 3e-6, and for derivatives above 1.
TOLERANCE = 1e-3
FEATURES, UNITS, CLASSES = 6, 5, 3


def smooth_logits(weights, images, mixture):
    """Two layers with smooth operations between them, weighted by all elements of the mixture; the last is not used."""
    first, second, _ = weights
    hidden = tf.tanh(images @ first)
    operations = tf.stack([tf.zeros_like(hidden), hidden, tf.sin(2.0 * hidden), hidden**2 * first[0]])
    by_operation = tf.einsum("tek,e->k", mixture, tf.range(1.0, 15.0) / 14.0)
    return tf.einsum("k,kbu,uc->bc", by_operation, operations, second)


class SmoothNetwork(keras.Model):
    """A network with `smooth_logits` that the method cannot tell from a super network."""

    def __init__(self):
        super().__init__()
        for name, shape in (("first", (FEATURES, UNITS)), ("second", (UNITS, CLASSES)), ("unused", (2,))):
            self.add_weight(name=name, shape=shape, initializer=keras.initializers.RandomNormal(stddev=0.5))
        self.built = True

    def call(self, images, choice, train_weights=True):
        return smooth_logits([tf.convert_to_tensor(weight) for weight in self.weights], images, choice.weights)


class SmoothProblem:
    """The method on the smooth network, in the middle of a search."""

    def __init__(self, loss_scale, updater_class=Updater):
        keras.utils.set_random_seed(0)
        generator = np.random.default_rng(0)
        self.method = build_method("darts_second_order")
        self.method.operation_logits.assign(generator.normal(size=self.method.problem.shape))
        self.network = SmoothNetwork()
        schedule = keras.optimizers.schedules.CosineDecay(0.4, decay_steps=20)
        self.optimizer = keras.optimizers.SGD(schedule, momentum=0.9)
        self.optimizer.build(self.network.trainable_variables)
        for momentum in self.optimizer.momentums:
            momentum.assign(generator.normal(scale=0.1, size=momentum.shape))
        self.optimizer.iterations.assign(7)
        self.rate = 0.2 * (1 + np.cos(np.pi * 7 / 20))
        self.group = ParameterGroup(self.network.trainable_variables, self.optimizer, l2=0.1, clip_norm=1e-3)
        self.updater = updater_class(self.network, Replicas(), loss_scale, self.group)
        self.weight_batch, self.architecture_batch = (
            (tf.constant(generator.normal(size=(8, FEATURES)), tf.float32), tf.constant(labels, tf.int32))
            for labels in ([0, 1, 2, 0, 1, 2, 0, 0], [2, 2, 1, 0, 0, 1, 1, 2])
        )

    def gradient(self):
        found = self.method.architecture_gradients(self.updater, self.weight_batch, self.architecture_batch, STEP, {})
        return np.asarray(found.gradients[0]), float(found.loss)

    def exact(self):
        """Returns the gradient of L_val(w'(alpha), alpha) through w', its part with w' held fixed, and the loss."""
        alpha = tf.convert_to_tensor(self.method.operation_logits)
        weights = [tf.convert_to_tensor(weight) for weight in self.network.trainable_variables]
        momenta = [tf.convert_to_tensor(momentum) for momentum in self.optimizer.momentums]
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(alpha)
            with tf.GradientTape() as inner:
                inner.watch(weights)
                loss = mean_cross_entropy(
                    self.weight_batch, smooth_logits(weights, self.weight_batch[0], tf.nn.softmax(alpha))
                )
            gradients = inner.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            ahead = [
                w + 0.9 * m - self.rate * (g + 0.1 * w) for w, m, g in zip(weights, momenta, gradients, strict=True)
            ]
            losses = [
                mean_cross_entropy(
                    self.architecture_batch, smooth_logits(each, self.architecture_batch[0], tf.nn.softmax(alpha))
                )
                for each in (ahead, [tf.stop_gradient(weight) for weight in ahead])
            ]
        total, direct = (np.asarray(outer.gradient(loss, alpha)) for loss in losses)
        return total, direct, float(losses[0])

    def sides(self):
        """Returns dL_train/dalpha at w + eps * v and w - eps * v, and eps, with v = dL_val/dw'."""
        alpha = tf.convert_to_tensor(self.method.operation_logits)
        weights = [tf.convert_to_tensor(weight) for weight in self.network.trainable_variables]
        kept = {}

        def architecture_gradients(perturbed):
            with tf.GradientTape() as tape:
                tape.watch(alpha)
                logits = smooth_logits(perturbed, self.weight_batch[0], tf.nn.softmax(alpha))
                loss = mean_cross_entropy(self.weight_batch, logits)
            kept.setdefault("weights", []).append(perturbed)
            return [tape.gradient(loss, alpha)]

        training = self.updater.gradients(
            self.weight_batch, lambda: self.method.weight_choice(STEP, {}), with_weights=True
        )
        ahead = stepped_weights(self.group, training.weight_gradients)
        validation = self.updater.gradients(
            self.architecture_batch, lambda: self.method.weight_choice(STEP, {}), with_weights=True, weights=ahead
        )
        vector = validation.weight_gradients
        implicit_gradients(architecture_gradients, weights, vector)
        plus, minus = kept["weights"]
        distance = tf.linalg.global_norm([p - m for p, m in zip(plus, minus, strict=True)])
        epsilon = float(distance / tf.linalg.global_norm(vector)) / 2
        return *(np.asarray(architecture_gradients(side)[0]) for side in (plus, minus)), epsilon, float(distance)


@pytest.fixture(scope="module")
def problem():
    return SmoothProblem(NoLossScale())


def size(values):
    return np.sqrt(np.sum(np.square(values)))


def test_it_is_the_exact_gradient_through_the_virtual_step(problem):
    exact, direct, loss = problem.exact()
    before = [np.asarray(weight) for weight in problem.network.weights]
    found, found_loss = problem.gradient()
    implicit = size(exact - direct)
    # Without the second-order part the gradient would differ.
    assert implicit > 0.1 * size(exact)
    assert size(found - exact) < TOLERANCE * implicit
    assert found_loss == pytest.approx(loss, rel=1e-5)
    for weight, value in zip(problem.network.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert int(problem.optimizer.iterations) == 7


def test_wrong_signs_and_parentheses_would_be_seen(problem):
    """The tolerance is tight enough to detect well-known mistakes in the formula."""
    exact, direct, _ = problem.exact()
    plus, minus, epsilon, distance = problem.sides()
    assert distance == pytest.approx(2 * 0.01, rel=1e-3)
    implicit = size(exact - direct)

    def error(second_order, sign=-1):
        return size(direct + sign * problem.rate * second_order - exact) / implicit

    assert error((plus - minus) / (2 * epsilon)) < TOLERANCE
    assert error((plus - minus) / (2 * epsilon), sign=1) > 100 * TOLERANCE
    assert error(plus - minus / (2 * epsilon)) > 100 * TOLERANCE
    assert error((plus - minus) / 2 * epsilon) > 100 * TOLERANCE
    assert error((plus - minus) / epsilon) > 100 * TOLERANCE
    assert error(0 * plus) > 100 * TOLERANCE


def test_the_virtual_step_is_the_optimizer_s_next_one(problem):
    gradients = [tf.ones(weight.shape) for weight in problem.network.trainable_variables]
    ahead = [np.asarray(weight) for weight in stepped_weights(problem.group, gradients)]
    other = SmoothProblem(NoLossScale())
    variables = other.network.trainable_variables
    decayed = [
        gradient + 0.1 * tf.convert_to_tensor(variable) for gradient, variable in zip(gradients, variables, strict=True)
    ]
    other.optimizer.apply(decayed, variables)
    for weight, variable in zip(ahead, variables, strict=True):
        np.testing.assert_allclose(weight, variable, rtol=1e-5, atol=1e-6)


def test_without_momentum_there_is_none_in_the_virtual_step():
    variable = keras.Variable([1.0, 2.0])
    optimizer = keras.optimizers.SGD(0.5, momentum=0.0)
    optimizer.build([variable])
    (ahead,) = stepped_weights(ParameterGroup([variable], optimizer, l2=0.1), [tf.constant([1.0, 0.0])])
    np.testing.assert_allclose(ahead, [1.0 - 0.5 * 1.1, 2.0 - 0.5 * 0.2])


def test_the_loss_scale_leaves_no_trace(problem):
    scaled = SmoothProblem(LossScale())
    np.testing.assert_allclose(scaled.gradient()[0], problem.gradient()[0], rtol=1e-4, atol=1e-6)


class Overflowing(Updater):
    """A virtual step in which the gradient of one weight overflowed; no loss depends on the last weight."""

    overflowed = 0

    def gradients(self, *arguments, weights=None, **settings):
        found = super().gradients(*arguments, weights=weights, **settings)
        if weights is None:
            found.weight_gradients[self.overflowed] += float("inf")
        return found


@pytest.mark.parametrize("weight", [0, -1])
def test_an_overflow_in_the_virtual_step_is_one_of_the_architecture_step(weight, monkeypatch):
    monkeypatch.setattr(Overflowing, "overflowed", weight)
    gradient, loss = SmoothProblem(NoLossScale(), Overflowing).gradient()
    assert np.isfinite(loss)
    assert not np.any(np.isfinite(gradient))


def test_the_implicit_gradient_of_a_zero_vector_is_zero_and_of_an_infinite_one_not_finite():
    def architecture_gradients(weights):
        return [weights[0] ** 2]

    weights = [tf.constant([1.0, 2.0])]
    (zero,) = implicit_gradients(architecture_gradients, weights, [tf.zeros(2)])
    np.testing.assert_array_equal(zero, 0)
    (infinite,) = implicit_gradients(architecture_gradients, weights, [tf.constant([1.0, np.inf])])
    assert not np.any(np.isfinite(infinite))


def test_on_a_super_network_it_is_what_assigning_the_weights_back_and_forth_gives():
    """As in the paper's public code: sets the network's own weights to w', w + eps * v, w - eps * v and w again."""
    search = WeightedSearch("darts_second_order")
    method, network, group = search.method, search.network, search.state.weights
    generator = np.random.default_rng(1)
    for momentum in group.optimizer.momentums:
        momentum.assign(generator.normal(scale=1e-3, size=momentum.shape))
    variables = network.trainable_variables
    weights = [np.asarray(variable) for variable in variables]
    alpha = tf.convert_to_tensor(method.operation_logits)
    living = tf.ones(alpha.shape, tf.bool)

    def derivatives(batch, values):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        sources = [alpha, *(variable.value for variable in variables)]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            logits = network(batch[0], Mixed(tf.nn.softmax(alpha), living))
            loss = mean_cross_entropy(batch, logits)
        by_alpha, *by_weight = tape.gradient(loss, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return np.asarray(by_alpha), [np.asarray(each) for each in by_weight], float(loss)

    rate, l2 = 0.025, method.config.weights_l2
    _, training, _ = derivatives(search.weight_batch, weights)
    ahead = [
        w + 0.9 * np.asarray(m) - rate * (g + l2 * w)
        for w, m, g in zip(weights, group.optimizer.momentums, training, strict=True)
    ]
    direct, vector, loss = derivatives(search.architecture_batch, ahead)
    epsilon = 0.01 / np.sqrt(sum(np.sum(np.square(each)) for each in vector))
    plus, minus = (
        derivatives(search.weight_batch, [w + sign * epsilon * v for w, v in zip(weights, vector, strict=True)])[0]
        for sign in (1, -1)
    )
    derivatives(search.weight_batch, weights)
    implicit = rate * (plus - minus) / (2 * epsilon)
    assert size(implicit) > 1e-2 * size(direct)

    found = tf.function(method.architecture_gradients, autograph=False)(
        search.updater, search.weight_batch, search.architecture_batch, STEP, {}
    )
    # Rounding of plus and minus, 1e-7 each, is divided by 2 * eps.
    assert size(np.asarray(found.gradients[0]) - (direct - implicit)) < 1e-2 * size(implicit)
    assert float(found.loss) == pytest.approx(loss, rel=1e-5)
    for variable, value in zip(variables, weights, strict=True):
        np.testing.assert_array_equal(variable, value)
