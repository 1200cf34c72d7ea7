import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.optimization.late_adamw import LateAdamW
from eoinas_tf.optimization.optimizers import build_optimizer
from eoinas_tf.optimization.precision import NoLossScale
from eoinas_tf.optimization.weight_update import update_weights

STRATEGIES = {"one": tf.distribute.get_strategy, "mirrored": lambda: tf.distribute.MirroredStrategy(["CPU:0"])}
GENERATOR = np.random.default_rng(0)
EARLY, LATE = GENERATOR.normal(size=(2, 2)), GENERATOR.normal(size=(3, 2))
EARLY_GRADIENTS, LATE_GRADIENTS = GENERATOR.normal(size=(60, 2, 2)), GENERATOR.normal(size=(20, 3, 2))
RATE, DECAY = 0.01, 0.1


def numpy_adamw(weight, gradients):
    first = second = 0.0
    for number, gradient in enumerate(gradients, start=1):
        weight = weight - RATE * DECAY * weight
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        weight = weight - RATE * (first / (1 - 0.9**number)) / (np.sqrt(second / (1 - 0.999**number)) + 1e-8)
    return weight


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_late_weights_are_trained_as_if_they_began_with_their_first_step(strategy):
    """The first of two weights is trained for 60 steps, the second for the last 20 of them."""
    strategy = STRATEGIES[strategy]()
    with strategy.scope():
        weights = [keras.Variable(value.astype(np.float32)) for value in (EARLY, LATE)]
        optimizer = build_optimizer("adamw", weights, RATE, weight_decay=DECAY, late_weights=weights[1:])

    @tf.function(autograph=False)
    def step(*gradients):
        with strategy.scope():
            update_weights(optimizer, gradients, weights[: len(gradients)], tf.constant(1.0), NoLossScale())

    for number in range(60):
        late = [] if number < 40 else [tf.constant(LATE_GRADIENTS[number - 40], tf.float32)]
        step(tf.constant(EARLY_GRADIENTS[number], tf.float32), *late)
    early, late = (np.asarray(tf.convert_to_tensor(weight)) for weight in weights)
    np.testing.assert_allclose(early, numpy_adamw(EARLY, EARLY_GRADIENTS), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(late, numpy_adamw(LATE, LATE_GRADIENTS), rtol=1e-4, atol=1e-6)
    counts = [int(tf.convert_to_tensor(count)) for count in (optimizer.iterations, optimizer.late_iterations)]
    assert counts == [60, 20]
    # What a checkpoint has to hold.
    assert any(variable is optimizer.late_iterations for variable in optimizer.variables)


def test_the_first_late_step_is_as_long_as_the_learning_rate():
    """After 2,000 steps, Keras's own AdamW would make steps of up to six learning rates."""
    weight = keras.Variable(np.zeros(1, np.float32))
    optimizer = LateAdamW([weight], learning_rate=RATE, weight_decay=0.0, epsilon=1e-8)
    optimizer.build([weight])
    optimizer.iterations.assign(2_000)
    positions = [0.0]
    for _ in range(20):
        optimizer.apply([tf.constant([3.0])], [weight])
        optimizer.count_step([weight])
        positions.append(float(weight.numpy()[0]))
    np.testing.assert_allclose(-np.diff(positions), RATE, rtol=1e-3)
