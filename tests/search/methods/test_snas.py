import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats
from weighted_search import WeightedSearch, adam_step, build_method, explicit_logits, mean_cross_entropy

from eoinas_tf.random_seeds import stateless_seed
from eoinas_tf.supernet.gumbel_sampling import gumbel_noise


@pytest.fixture(scope="module")
def search():
    return WeightedSearch("snas")


def schedule(temperature=0.7):
    return {"temperature": tf.constant(temperature)}


def number(step):
    return tf.constant(step, tf.int64)


def relaxed_weights(method, step, temperature):
    """The weights that numpy computes from alpha, the mask and the step's noise."""
    alpha, living = np.asarray(method.operation_logits, np.float64), np.asarray(method.living_operations)
    noise = gumbel_noise(method.problem.shape, stateless_seed(method.config.seed, "relaxed sample", step)).numpy()
    log_beta = np.where(living, special.log_softmax(np.where(living, alpha, -np.inf), axis=-1), -np.inf)
    return special.softmax((log_beta + noise) / temperature, axis=-1)


@pytest.mark.parametrize("temperature", [5.0, 0.7, 0.1])
def test_the_weights_are_the_relaxed_gumbel_softmax_of_the_step_s_noise(search, temperature):
    for step in (0, 7):
        choice = search.method.weight_choice(number(step), schedule(temperature))
        np.testing.assert_allclose(choice.weights, relaxed_weights(search.method, step, temperature), atol=2e-5)
        assert np.all(choice.living_operations)


def test_each_step_draws_its_own_and_the_same_step_the_same(search):
    draws = [np.asarray(search.method.weight_choice(number(step), schedule()).weights) for step in (0, 1, 1)]
    np.testing.assert_array_equal(draws[1], draws[2])
    assert np.all(draws[0] != draws[1])


def test_a_dropped_operation_has_no_weight():
    method = build_method("snas")
    dropped = np.zeros(method.problem.shape, bool)
    dropped[0, 5, [1, 3]] = True
    method.drop(dropped)
    choice = method.weight_choice(number(3), schedule(0.1))
    np.testing.assert_allclose(choice.weights, relaxed_weights(method, 3, 0.1), atol=2e-5)
    np.testing.assert_array_equal(np.asarray(choice.weights)[dropped], 0)
    np.testing.assert_array_equal(choice.living_operations, ~dropped)


def test_the_largest_weight_is_an_operation_s_as_often_as_beta_says():
    """The argmax of the Gumbel softmax follows the softmax of alpha at every temperature."""
    method = build_method("snas")
    method.operation_logits.assign(np.broadcast_to([0.0, 1.0, -1.0, 0.5], method.problem.shape))
    picked = np.concatenate(
        [np.argmax(method.weight_choice(number(step), schedule()).weights, axis=-1).ravel() for step in range(200)]
    )
    beta = special.softmax([0.0, 1.0, -1.0, 0.5])
    assert stats.chisquare(np.bincount(picked, minlength=4), beta * picked.size).pvalue > 0.01


def test_the_temperature_falls_from_start_to_end():
    method = build_method("snas", epochs=5, temperature_start=1.0, temperature_end=0.01)
    temperatures = [method.schedule(epoch)["temperature"] for epoch in range(1, 6)]
    np.testing.assert_allclose(temperatures, [1.0, 10**-0.5, 0.1, 10**-1.5, 0.01])


def test_alpha_starts_at_a_normal_draw_of_the_seed_of_deviation_0_01():
    draws = [np.asarray(build_method("snas", seed=seed).operation_logits).ravel() for seed in (0, 1, 1)]
    np.testing.assert_array_equal(draws[1], draws[2])
    assert np.all(draws[0] != draws[1])
    assert stats.kstest(np.concatenate(draws[:2]), stats.norm(scale=0.01).cdf).pvalue > 0.01


def test_one_weight_step_moves_weights_and_alpha_by_one_gradient_of_the_training_loss(search):
    """First the warm-up's step, which leaves alpha and Adam unchanged; then one that trains both."""
    method, state, config = search.method, search.state, search.method.config
    assert method.learns_with_weights
    assert not method.has_architecture_steps
    assert search.step.trains_architecture_with_weights(searches=True)
    assert not search.step.trains_architecture_with_weights(searches=False)
    alpha = np.asarray(method.operation_logits, np.float64)
    adam = [np.asarray(variable) for variable in method.architecture.optimizer.variables]

    search.step.update_weights(search.weight_batch, number(0), schedule(), trains_architecture=False)
    np.testing.assert_array_equal(method.operation_logits, np.float32(alpha))
    for variable, value in zip(method.architecture.optimizer.variables, adam, strict=True):
        np.testing.assert_array_equal(variable, value)

    step, temperature = 4, 0.7
    relaxed = relaxed_weights(method, step, temperature)
    mixed = tf.constant(relaxed, tf.float32)
    variables = [weight.value for weight in state.weights.variables]
    before = [np.asarray(variable) for variable in variables]
    (momenta, rate) = (
        [np.asarray(momentum) for momentum in state.weights.optimizer.momentums],
        float(state.weights.optimizer.learning_rate),
    )
    with tf.GradientTape() as tape:
        tape.watch(mixed)
        loss = mean_cross_entropy(search.weight_batch, explicit_logits(search.network, search.weight_batch[0], mixed))
    by_mixed, *by_weight = tape.gradient(loss, [mixed, *variables])

    search.step.update_weights(search.weight_batch, number(step), schedule(temperature), trains_architecture=True)

    # Through the relaxed softmax's derivative, which 1 / T scales, and that of log beta, whose rows sum to zero.
    by_mixed = np.asarray(by_mixed, np.float64)
    by_log_beta = relaxed * (by_mixed - np.sum(relaxed * by_mixed, axis=-1, keepdims=True)) / temperature
    gradient = by_log_beta + config.architecture_l2 * alpha
    assert np.abs(by_log_beta).max() > 1e-3
    known = np.abs(gradient) > 1e-4 * np.abs(by_log_beta).max()
    assert known.mean() > 0.8
    expected = adam_step(alpha, gradient, config.architecture_learning_rate)
    np.testing.assert_allclose(np.asarray(method.operation_logits)[known], expected[known], atol=1e-5)
    # Adam's first moment holds the gradient itself.
    (first_moment,) = [np.asarray(each) for each in method.architecture.optimizer._momentums]
    np.testing.assert_allclose(first_moment / 0.5, gradient, atol=1e-4 * np.abs(gradient).max())

    norm = np.sqrt(sum(np.sum(np.square(each)) for each in by_weight))
    scale = min(1.0, config.gradient_clip_norm / norm)
    for variable, value, momentum, each in zip(variables, before, momenta, by_weight, strict=True):
        change = 0.9 * momentum - rate * (scale * np.asarray(each) + config.weights_l2 * value)
        np.testing.assert_allclose(np.asarray(variable) - value, change, atol=2e-6)
    assert any(np.any(momentum) for momentum in momenta)
