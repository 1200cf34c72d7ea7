import numpy as np
import tensorflow as tf

from eoinas_tf.data.pipeline_tuning import without_autotuning


def test_elements_stay_and_no_thread_tunes_them():
    elements = tf.data.Dataset.range(5).map(lambda value: value * 2, num_parallel_calls=3).prefetch(2)
    assert elements.options().autotune.enabled is None
    fixed = without_autotuning(elements)
    assert fixed.options().autotune.enabled is False
    assert list(fixed.as_numpy_iterator()) == [0, 2, 4, 6, 8]


def test_what_is_made_of_it_is_not_tuned_either_and_keeps_its_own_options():
    options = tf.data.Options()
    options.threading.max_intra_op_parallelism = 1
    made = without_autotuning(tf.data.Dataset.range(6).with_options(options)).batch(3).prefetch(1)
    assert made.options().autotune.enabled is False
    assert made.options().threading.max_intra_op_parallelism == 1
    np.testing.assert_array_equal(list(made.as_numpy_iterator()), [[0, 1, 2], [3, 4, 5]])
