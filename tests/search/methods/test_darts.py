import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats
from weighted_search import WeightedSearch, adam_step, build_method, explicit_logits, mean_cross_entropy


@pytest.fixture(scope="module")
def search():
    return WeightedSearch("darts")


def schedule():
    return {}


def test_all_operations_are_weighed_by_the_softmax_of_alpha_over_the_living(search):
    method = search.method
    alpha = np.asarray(method.operation_logits, np.float64)
    for choose in (method.weight_choice, method.architecture_choice):
        choice = choose(tf.constant(0, tf.int64), schedule())
        np.testing.assert_allclose(choice.weights, special.softmax(alpha, axis=-1), rtol=1e-5)
        assert np.all(choice.living_operations)
        assert choice.skip_dropout is None


def test_a_dropped_operation_has_no_weight():
    method = build_method("darts")
    dropped = np.zeros(method.problem.shape, bool)
    dropped[1, 3, [0, 2]] = True
    method.drop(dropped)
    choice = method.weight_choice(tf.constant(0, tf.int64), schedule())
    np.testing.assert_array_equal(np.asarray(choice.weights) == 0, dropped)
    np.testing.assert_array_equal(choice.living_operations, ~dropped)
    np.testing.assert_allclose(np.sum(choice.weights, axis=-1), 1, rtol=1e-6)
    np.testing.assert_allclose(method.evidence().scores, np.where(dropped, np.nan, choice.weights), rtol=1e-6)


def test_alpha_starts_at_a_normal_draw_of_the_seed_of_deviation_0_001():
    draws = [np.asarray(build_method("darts", seed=seed).operation_logits).ravel() for seed in (0, 1, 1)]
    np.testing.assert_array_equal(draws[1], draws[2])
    assert np.all(draws[0] != draws[1])
    assert stats.kstest(np.concatenate(draws[:2]), stats.norm(scale=1e-3).cdf).pvalue > 0.01


def test_a_step_moves_alpha_by_adam_down_the_validation_loss_of_sums_written_out(search):
    """Computes the softmax's derivative, L2 decay and Adam with numpy."""
    method, config = search.method, search.method.config
    alpha = np.asarray(method.operation_logits, np.float64)
    beta = special.softmax(alpha, axis=-1)
    weights = tf.constant(beta, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        logits = explicit_logits(search.network, search.architecture_batch[0], weights)
        loss = mean_cross_entropy(search.architecture_batch, logits)
    by_weight = np.asarray(tape.gradient(loss, weights), np.float64)
    gradient = beta * (by_weight - np.sum(beta * by_weight, axis=-1, keepdims=True))
    assert np.abs(gradient).max() > 1e-3

    number = tf.constant(0, tf.int64)
    found = method.architecture_gradients(
        search.updater, search.weight_batch, search.architecture_batch, number, schedule()
    )
    np.testing.assert_allclose(found.gradients[0], gradient, atol=1e-4 * np.abs(gradient).max())
    assert float(found.loss) == pytest.approx(float(loss), rel=1e-5)

    before = [np.asarray(weight) for weight in search.state.weights.variables]
    search.step.update_architecture(search.weight_batch, search.architecture_batch, number, schedule())
    decayed = gradient + config.architecture_l2 * alpha
    expected = adam_step(alpha, decayed, config.architecture_learning_rate)
    # Adam's first step is the gradient's sign times the rate: where rounding decides the sign, the result is open.
    known = np.abs(decayed) > 1e-4 * np.abs(gradient).max()
    assert known.mean() > 0.9
    np.testing.assert_allclose(np.asarray(method.operation_logits)[known], expected[known], atol=1e-5)
    for weight, value in zip(search.state.weights.variables, before, strict=True):
        np.testing.assert_array_equal(weight, value)
