import tensorflow as tf

from eoinas_tf.optimization.repeated_steps import repeat_steps


def test_it_runs_one_batch_after_another_with_their_numbers_and_is_traced_once():
    seen = tf.Variable(0, dtype=tf.int64)

    def step(batch, number):
        # In another order, or with another number, other digits would result.
        seen.assign(100 * seen + 10 * batch + number)

    @tf.function(autograph=False)
    def run(batches, first, count):
        repeat_steps(step, batches, first, count)

    batches = iter(tf.data.Dataset.from_tensor_slices(tf.constant([1, 2, 3, 4], tf.int64)))
    run(batches, tf.constant(5, tf.int64), tf.constant(3, tf.int64))
    assert seen.numpy() == 15_26_37
    run(batches, tf.constant(8, tf.int64), tf.constant(1, tf.int64))
    assert seen.numpy() == 15_26_37_48
    run(iter(tf.data.Dataset.range(9)), tf.constant(0, tf.int64), tf.constant(0, tf.int64))
    assert seen.numpy() == 15_26_37_48
    assert run.experimental_get_tracing_count() == 1
