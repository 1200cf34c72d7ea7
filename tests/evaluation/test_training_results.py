import tensorflow as tf

from eoinas_tf.evaluation.training_results import TrainingResults


def add(results, step, loss, cross_entropy):
    results.add(tf.constant(step, tf.int64), tf.constant(loss), tf.constant(0.5), tf.constant(1.0))
    results.add_cross_entropy(tf.constant(cross_entropy))


def test_the_mean_since_the_last_reset_beside_the_loss():
    results = TrainingResults()
    assert results.mean_cross_entropy() is None
    add(results, 1, 9.0, 5.0)
    results.reset()
    assert results.mean_cross_entropy() is None
    add(results, 2, 3.0, 1.0)
    add(results, 3, 5.0, 1.5)
    assert results.means(1) == (4.0, 0.5)
    assert results.mean_cross_entropy() == 1.25


def test_the_sum_is_among_the_variables_that_a_checkpoint_takes():
    results = TrainingResults()
    assert any(variable is results.cross_entropy_sum for variable in results.variables)
    assert len(results.variables) == 5
