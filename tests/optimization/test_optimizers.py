import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.optimization.learning_rate_schedule import LearningRateSchedule
from eoinas_tf.optimization.optimizers import OPTIMIZERS, build_optimizer, decays
from eoinas_tf.optimization.precision import NoLossScale
from eoinas_tf.optimization.weight_update import update_weights

GENERATOR = np.random.default_rng(0)
KERNEL, SCALE = GENERATOR.normal(size=(2, 3)).astype(np.float32), GENERATOR.normal(size=3).astype(np.float32)
GRADIENTS = [
    (GENERATOR.normal(size=(2, 3)).astype(np.float32), GENERATOR.normal(size=3).astype(np.float32)) for _ in range(4)
]
RATES = [0.1 * (1 - step / 4) for step in range(4)]
STRATEGIES = {"one": tf.distribute.get_strategy, "mirrored": lambda: tf.distribute.MirroredStrategy(["CPU:0"])}


def trained(name, strategy=STRATEGIES["one"], **settings):
    """Makes four steps on a kernel and a scale; returns both and the optimizer."""
    strategy = strategy()
    with strategy.scope():
        weights = [keras.Variable(KERNEL), keras.Variable(SCALE)]
        schedule = LearningRateSchedule("linear", 0.1, 0.0, total_steps=4)
        optimizer = build_optimizer(name, weights, schedule, **settings)

    @tf.function(autograph=False)
    def step(gradients):
        with strategy.scope():
            return update_weights(optimizer, gradients, weights, tf.constant(1.0), NoLossScale())

    for gradients in GRADIENTS:
        step(list(map(tf.constant, gradients)))
    return [np.asarray(tf.convert_to_tensor(weight)) for weight in weights], optimizer


def numpy_adamw(weight, gradients, decay):
    weight, first, second = weight.astype(np.float64), 0.0, 0.0
    for number, (gradient, rate) in enumerate(zip(gradients, RATES, strict=True), start=1):
        weight = weight - rate * decay * weight
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient.astype(np.float64) ** 2
        weight = weight - rate * (first / (1 - 0.9**number)) / (np.sqrt(second / (1 - 0.999**number)) + 1e-8)
    return weight


def numpy_sgd(weight, gradients, decay):
    weight, velocity = weight.astype(np.float64), 0.0
    for gradient, rate in zip(gradients, RATES, strict=True):
        weight = weight - rate * decay * weight
        velocity = 0.9 * velocity - rate * gradient
        weight = weight + velocity
    return weight


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize(("name", "reference"), [("adamw", numpy_adamw), ("sgd", numpy_sgd)])
def test_steps_are_those_of_the_papers_and_only_kernels_decay(name, reference, decay, strategy):
    (kernel, scale), _ = trained(name, STRATEGIES[strategy], momentum=0.9, weight_decay=decay)
    gradients = list(zip(*GRADIENTS, strict=True))
    np.testing.assert_allclose(kernel, reference(KERNEL, gradients[0], decay), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(scale, reference(SCALE, gradients[1], 0.0), rtol=1e-4, atol=1e-6)


def test_sgd_without_decay_has_the_bits_of_keras_s():
    (kernel, scale), optimizer = trained("sgd", momentum=0.9)
    weights = [keras.Variable(KERNEL), keras.Variable(SCALE)]
    other = keras.optimizers.SGD(LearningRateSchedule("linear", 0.1, 0.0, total_steps=4), momentum=0.9)
    other.build(weights)
    for gradients in GRADIENTS:
        other.apply(list(map(tf.constant, gradients)), weights)
    np.testing.assert_array_equal(kernel, weights[0])
    np.testing.assert_array_equal(scale, weights[1])
    assert len(optimizer.variables) == len(other.variables)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_all_that_it_remembers_is_in_its_variables(name):
    expected, _ = trained(name, momentum=0.9, weight_decay=0.1)
    weights = [keras.Variable(KERNEL), keras.Variable(SCALE)]
    schedule = LearningRateSchedule("linear", 0.1, 0.0, total_steps=4)
    optimizers = [build_optimizer(name, weights, schedule, momentum=0.9, weight_decay=0.1) for _ in range(2)]
    for number, gradients in enumerate(GRADIENTS):
        first, second = optimizers
        if number == 2:
            for variable, value in zip(second.variables, first.variables, strict=True):
                variable.assign(value)
        update_weights(
            first if number < 2 else second, list(map(tf.constant, gradients)), weights, tf.constant(1.0), NoLossScale()
        )
    for weight, value in zip(weights, expected, strict=True):
        np.testing.assert_allclose(weight, value, rtol=1e-6)


def test_vectors_do_not_decay():
    assert decays(keras.Variable(np.zeros((3, 3, 1, 1), np.float32)))
    assert not decays(keras.Variable(np.zeros(3, np.float32)))


def test_a_wrong_name_is_answered_with_the_names():
    assert tuple(OPTIMIZERS) == next(
        field.metadata["choices"] for field in dataclasses.fields(EvaluationConfig) if field.name == "optimizer"
    )
    with pytest.raises(ValueError, match=r"name must be one of sgd, adamw. Received: lion"):
        build_optimizer("lion", [], 0.1)
