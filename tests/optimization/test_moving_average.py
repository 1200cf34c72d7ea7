import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.optimization.moving_average import average_decay, update_averages

VALUES = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)


@pytest.mark.parametrize(("step", "decay"), [(0, 0.0), (1, 0.1), (9, 0.5), (80, 80 / 89), (81, 0.9), (10_000, 0.9)])
def test_the_decay_rises_with_the_steps_up_to_the_largest(step, decay):
    assert float(average_decay(tf.constant(step, tf.int64), 0.9)) == pytest.approx(decay, rel=1e-6)


@pytest.mark.parametrize("strategy", [tf.distribute.get_strategy, lambda: tf.distribute.MirroredStrategy(["CPU:0"])])
def test_averages_are_those_of_all_values_so_far(strategy):
    strategy = strategy()
    with strategy.scope():
        variable, average = (keras.Variable(np.full(3, value, np.float32)) for value in (7.0, np.float32(1e6)))

    @tf.function(autograph=False)
    def step(number):
        with strategy.scope():
            update_averages([average], [variable], average_decay(number, 0.6))

    expected = np.zeros(3)
    for number, value in enumerate(VALUES):
        variable.assign(value)
        step(tf.constant(number, tf.int64))
        decay = min(0.6, number / (number + 9))
        expected = decay * expected + (1 - decay) * value
        np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-6)


def tensorflow_s_average(before, value, updates_before):
    """An average after one update of TensorFlow's own."""
    moving, variable = tf.train.ExponentialMovingAverage(0.7, num_updates=updates_before), tf.Variable(before)
    moving.apply([variable])
    variable.assign(value)
    moving.apply([variable])
    return moving.average(variable).numpy()


def test_after_the_first_copy_they_are_tensorflow_s():
    variable, average = keras.Variable(VALUES[0]), keras.Variable(np.zeros(3, np.float32))
    expected = VALUES[0]
    for number, value in enumerate(VALUES):
        variable.assign(value)
        update_averages([average], [variable], average_decay(tf.constant(number, tf.int64), 0.7))
        expected = tensorflow_s_average(expected, value, number - 1) if number else expected
        np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-6)
