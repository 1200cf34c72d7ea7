import itertools
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.random_seeds import ALGORITHM, epoch_order, initial_weights_seed, purpose_number, stateless_seed


def test_purpose_number_is_the_digest_that_every_process_computes():
    # sha256(b"7\ncrop") begins with these eight bytes; the first bit is dropped.
    assert purpose_number(7, "crop") == 0x48AB60FEFA76976F >> 1
    assert 0 <= purpose_number(2**31 - 1, "") < 2**63


def test_purposes_and_seeds_that_read_alike_when_joined_differ():
    pairs = [(1, "1 a"), (11, " a"), (1, "a"), (2, "a"), (-1, "a")]
    assert len({purpose_number(seed, purpose) for seed, purpose in pairs}) == 5


def test_stateless_seed_is_the_purpose_and_the_step():
    seed = stateless_seed(3, "flip", 12)
    assert seed.dtype == tf.int64
    assert seed.numpy().tolist() == [purpose_number(3, "flip"), 12]


def test_one_trace_draws_for_every_step_what_eager_code_draws():
    def draw(step):
        return tf.random.stateless_uniform([4], stateless_seed(3, "flip", step), alg=ALGORITHM)

    traced = tf.function(draw)
    drawn = [traced(tf.constant(step, tf.int64)).numpy() for step in range(3)]
    assert traced.experimental_get_tracing_count() == 1
    for step in range(3):
        np.testing.assert_array_equal(drawn[step], draw(step).numpy())
    assert len(np.unique(drawn)) == 12


def test_epoch_order_is_a_permutation():
    order = epoch_order(1000, 5, "training", 3)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))


def test_epoch_order_depends_on_seed_stream_and_epoch_and_on_nothing_else():
    orders = [
        epoch_order(100, seed, stream, epoch).tolist()
        for seed, stream, epoch in [(5, "training", 3), (5, "training", 4), (5, "weight half", 3), (6, "training", 3)]
    ]
    assert len(set(map(tuple, orders))) == 4
    np.random.seed(1)  # noqa: NPY002
    assert epoch_order(100, 5, "training", 3).tolist() == orders[0]


def test_epoch_order_stays_the_same_from_version_to_version():
    # Recorded once: even with another version of NumPy, a run must continue in the order in which it began.
    assert epoch_order(8, 0, "training", 0).tolist() == [1, 3, 2, 4, 7, 6, 0, 5]


def test_every_item_comes_first_equally_often():
    first = np.bincount([epoch_order(4, 0, "training", epoch)[0] for epoch in range(2000)], minlength=4)
    assert np.all(np.abs(first - 500) < 100), first


def test_empty_order():
    assert epoch_order(0, 0, "training", 0).shape == (0,)


# Recorded once. If any of these values changed, a resumed run would draw different values from those it began with.
def test_recorded_purpose_numbers():
    assert purpose_number(0, "training") == 8778468034922333502
    assert purpose_number(123, "gumbel noise, weight step") == 1917213196756367726


def test_recorded_draws():
    seed = stateless_seed(0, "training: crop", 7)
    uniform = tf.random.stateless_uniform([4], seed, alg=ALGORITHM).numpy().tolist()
    assert uniform == pytest.approx([0.1040109396, 0.5880303383, 0.3413374424, 0.2650113106], abs=1e-9)
    whole = tf.random.stateless_uniform([8], seed, 0, 9, tf.int32, alg=ALGORITHM).numpy().tolist()
    assert whole == [4, 0, 0, 0, 3, 5, 5, 8]


def test_recorded_orders():
    assert epoch_order(10, 1, "weight half", 2).tolist() == [5, 7, 2, 8, 9, 6, 3, 0, 4, 1]
    assert epoch_order(10, 1, "architecture half", 2).tolist() == [6, 5, 4, 1, 9, 8, 0, 3, 2, 7]


def test_purposes_of_one_step_and_steps_of_one_purpose_draw_uncorrelated_numbers():
    def draw(seed, purpose, step):
        return tf.random.stateless_normal([10_000], stateless_seed(seed, purpose, step), alg=ALGORITHM).numpy()

    draws = [draw(0, "crop", 0), draw(0, "crop", 1), draw(0, "flip", 0), draw(1, "crop", 0), draw(0, "crop", 2**40)]
    correlation = np.corrcoef(draws) - np.eye(5)
    # One standard deviation is 0.01.
    assert np.abs(correlation).max() < 0.05


@pytest.mark.parametrize("step", [np.int64(7), np.int32(7), 7])
def test_a_step_s_type_does_not_matter(step):
    for given in (step, tf.constant(step)):
        seed = stateless_seed(0, "flip", given)
        assert seed.dtype == tf.int64
        assert seed.numpy().tolist() == stateless_seed(0, "flip", 7).numpy().tolist()


def test_close_epochs_and_close_seeds_have_independent_orders():
    orders = [epoch_order(2000, seed, "training", epoch) for seed in (0, 1) for epoch in (1, 2)]
    # On average, two independent permutations agree in one place.
    agreements = [np.sum(first == second) for first, second in itertools.combinations(orders, 2)]
    assert max(agreements) < 10


def test_initial_weights_are_those_of_a_seed_of_keras_and_the_generators_go_on_as_before():
    keras.utils.set_random_seed(7)
    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    random.seed(1)
    expected = [random.random(), random.random()]
    random.seed(1)
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    received = [random.random()]
    with initial_weights_seed(7):
        again = keras.layers.Dense(3)
        again.build((None, 2))
    received.append(random.random())
    np.testing.assert_array_equal(again.kernel, layer.kernel)
    assert received == expected
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
