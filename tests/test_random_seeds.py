import numpy as np
import tensorflow as tf

from eoinas_tf.random_seeds import ALGORITHM, epoch_order, purpose_number, stateless_seed


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
    # Recorded once: a run must continue under another NumPy in the order in which it began.
    assert epoch_order(8, 0, "training", 0).tolist() == [1, 3, 2, 4, 7, 6, 0, 5]


def test_every_item_comes_first_equally_often():
    first = np.bincount([epoch_order(4, 0, "training", epoch)[0] for epoch in range(2000)], minlength=4)
    assert np.all(np.abs(first - 500) < 100), first


def test_empty_order():
    assert epoch_order(0, 0, "training", 0).shape == (0,)
