import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data.batch_rows import BatchRows, draw_uniform

SEED = tf.constant([3, 4], tf.int64)


@pytest.mark.parametrize(("shape", "axis"), [([6], 0), ([2, 6], 1), ([6, 3, 4], 0)])
def test_a_rows_numbers_are_those_it_has_in_the_whole_batch(shape, axis):
    whole = draw_uniform(shape, axis, SEED).numpy()
    own = [2 if side == 6 else side for side in shape]
    part = draw_uniform(own, axis, SEED, BatchRows(3, 2, 6)).numpy()
    np.testing.assert_array_equal(part, np.take(whole, [3, 4], axis))
    assert len(np.unique(whole)) == whole.size


def test_numbers_have_the_bounds_and_the_type_that_are_asked_for():
    drawn = draw_uniform([1000], 0, SEED, None, -2, 3, tf.int32).numpy()
    assert drawn.dtype == np.int32
    assert set(drawn) == {-2, -1, 0, 1, 2}
    drawn = draw_uniform([1000], 0, SEED, None, -1.0, 1.0).numpy()
    assert drawn.min() < -0.98
    assert 0.98 < drawn.max() < 1.0


def test_the_same_seed_draws_the_same_numbers():
    np.testing.assert_array_equal(draw_uniform([5], 0, SEED), draw_uniform([5], 0, SEED))
    assert np.any(draw_uniform([5], 0, SEED) != draw_uniform([5], 0, tf.constant([3, 5], tf.int64)))
