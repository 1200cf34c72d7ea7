import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import softmax

from eoinas_tf.supernet.gumbel_sampling import (
    gumbel_noise,
    log_operation_weights,
    sample_operations,
    straight_through_one_hot,
)

LOGITS = np.array([0.3, -1.0, 0.8, 0.0, 0.5, -0.4, 1.2, 0.1])
ALL_LIVE = np.ones(8, bool)
SOME_LIVE = np.array([True, False, True, True, False, True, False, True])


def frequencies(living, temperature, draws=40_000):
    """Counts how often each operation is sampled, on `draws` edges at once."""
    logits = tf.constant(np.tile(LOGITS, (1, draws, 1)), tf.float32)
    sample = sample_operations(logits, tf.constant(np.tile(living, (1, draws, 1))), temperature, tf.constant([7, 1]))
    return np.bincount(sample.operation_index.numpy().ravel(), minlength=8)


@pytest.mark.parametrize("temperature", [5.0, 0.1])
@pytest.mark.parametrize("living", [ALL_LIVE, SOME_LIVE], ids=["all", "some"])
def test_operations_are_sampled_as_often_as_softmax_of_alpha_says(living, temperature):
    observed = frequencies(living, temperature)
    expected = softmax(np.where(living, LOGITS, -np.inf)) * observed.sum()
    assert not observed[~living].any()
    # With a fixed seed this passes or fails consistently; a wrong distribution gives p far below 1e-6.
    assert stats.chisquare(observed[living], expected[living]).pvalue > 1e-3


def test_the_test_of_frequencies_can_fail():
    observed = frequencies(ALL_LIVE, 1.0)
    wrong = softmax(LOGITS / 1.1) * observed.sum()
    assert stats.chisquare(observed, wrong).pvalue < 1e-6


def test_noise_is_gumbel_distributed_and_finite():
    noise = gumbel_noise((200_000,), tf.constant([1, 2])).numpy()
    assert np.isfinite(noise).all()
    assert stats.kstest(noise, stats.gumbel_r.cdf).pvalue > 1e-3


def test_the_generator_is_named_and_no_device_chooses_one():
    traced = tf.function(lambda seed: gumbel_noise((3,), seed)).get_concrete_function(tf.TensorSpec([2], tf.int64))
    (drawing,) = (each for each in traced.graph.get_operations() if each.type == "StatelessRandomUniformV2")
    assert tf.get_static_value(drawing.inputs[3]) == tf.random.Algorithm.PHILOX.value
    # A CPU's default before the generator was named.
    seed = tf.constant([5, 6], tf.int64)
    with tf.device("CPU:0"):
        chosen = tf.random.stateless_uniform((1000,), seed, minval=np.finfo(np.float32).tiny, maxval=1.0)
    np.testing.assert_array_equal(gumbel_noise((1000,), seed), -tf.math.log(-tf.math.log(chosen)))


def test_the_same_seed_gives_the_same_sample_and_another_one_does_not():
    logits, living = tf.zeros([2, 14, 8]), tf.ones([2, 14, 8], tf.bool)
    first = sample_operations(logits, living, 1.0, tf.constant([1, 2])).operation_index.numpy()
    again = sample_operations(logits, living, 1.0, tf.constant([1, 2])).operation_index.numpy()
    other = sample_operations(logits, living, 1.0, tf.constant([1, 3])).operation_index.numpy()
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_edges_and_cell_types_draw_independently():
    logits, living = tf.zeros([2, 14, 8]), tf.ones([2, 14, 8], tf.bool)
    sample = sample_operations(logits, living, 1.0, tf.constant([1, 2])).operation_index.numpy()
    assert len(np.unique(sample)) > 4
    assert (sample[0] != sample[1]).any()


def test_operation_weights_of_the_living():
    log_weights = log_operation_weights(tf.constant(LOGITS, tf.float32), tf.constant(SOME_LIVE)).numpy()
    np.testing.assert_allclose(np.exp(log_weights), softmax(np.where(SOME_LIVE, LOGITS, -np.inf)), rtol=1e-6)


def reference_probabilities(living, temperature, noise):
    log_beta = np.log(softmax(np.where(living, LOGITS, -np.inf))[living])
    probabilities = np.zeros(8)
    probabilities[living] = softmax((log_beta + noise[living]) / temperature)
    return probabilities


@pytest.mark.parametrize("temperature", [5.0, 1.0, 0.5])
@pytest.mark.parametrize("living", [ALL_LIVE, SOME_LIVE], ids=["all", "some"])
def test_forward_is_one_hot_and_gradient_is_that_of_the_softmax(living, temperature):
    generator = np.random.default_rng(5)
    noise = generator.gumbel(size=8).astype(np.float32)
    upstream = generator.normal(size=8).astype(np.float32)
    logits = tf.constant(LOGITS, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        index, one_hot = straight_through_one_hot(logits, tf.constant(living), temperature, tf.constant(noise))
        objective = tf.reduce_sum(one_hot * upstream)
    probabilities = reference_probabilities(living, temperature, noise)
    # d p_o / d alpha_k = p_o (delta_ok - p_k) / T; the shift by log-softmax's denominator cancels.
    expected = probabilities * (upstream - np.sum(probabilities * upstream)) / temperature
    assert index.numpy() == np.argmax(np.where(living, probabilities, -1))
    np.testing.assert_allclose(one_hot.numpy(), np.eye(8)[index.numpy()], atol=1e-6)
    np.testing.assert_allclose(tape.gradient(objective, logits).numpy(), expected, rtol=2e-4, atol=1e-6)


def test_gates_are_one_and_carry_the_sampled_operation_s_gradient():
    logits = tf.constant(np.tile(LOGITS, (2, 3, 1)), tf.float32)
    living = tf.constant(np.tile(SOME_LIVE, (2, 3, 1)))
    seed, temperature = tf.constant([3, 4]), 0.7
    noise = gumbel_noise((2, 3, 8), seed).numpy()
    with tf.GradientTape() as tape:
        tape.watch(logits)
        sample = sample_operations(logits, living, temperature, seed)
        objective = tf.reduce_sum(sample.gates * tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    gradient = tape.gradient(objective, logits).numpy()
    np.testing.assert_allclose(sample.gates.numpy(), 1.0, atol=1e-6)
    for cell_type, edge in np.ndindex(2, 3):
        chosen = sample.operation_index.numpy()[cell_type, edge]
        probabilities = reference_probabilities(SOME_LIVE, temperature, noise[cell_type, edge])
        expected = (
            (3 * cell_type + edge + 1) * probabilities[chosen] * (np.eye(8)[chosen] - probabilities) / temperature
        )
        np.testing.assert_allclose(gradient[cell_type, edge], expected, rtol=2e-4, atol=1e-6)
    assert not gradient[:, :, ~SOME_LIVE].any()
