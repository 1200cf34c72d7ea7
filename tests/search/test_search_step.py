import math

import numpy as np
import pytest
import tensorflow as tf
from graph_calls import rewritten_calls

from eoinas_tf.optimization.classification_metrics import cross_entropy, mean_accuracy
from eoinas_tf.random_seeds import stateless_seed
from eoinas_tf.supernet.choice import Sampled
from eoinas_tf.supernet.gumbel_sampling import sample_operations


def changed(before, after):
    """Returns the names of all variables that changed."""
    return {
        name for name in before if any(np.any(old != new) for old, new in zip(before[name], after[name], strict=True))
    }


def sampled(search, purpose, number, temperature=5.0):
    seed = stateless_seed(search.config.seed, purpose, number)
    return sample_operations(*search.method.architecture_tensors(), temperature, seed)


def test_a_weight_step_changes_weights_and_nothing_of_the_architecture(search):
    before = search.values()
    search.update_weights()
    assert changed(before, search.values()) == {"network_weights", "weights_optimizer", "statistics", "weight_results"}


def test_an_architecture_step_changes_alpha_and_no_weight(search):
    before = search.values()
    search.update_architecture()
    assert changed(before, search.values()) == {
        "operation_logits",
        "architecture_optimizer",
        "statistics",
        "architecture_results",
    }


def test_a_weight_step_is_sgd_on_the_clipped_gradient_plus_l2(search):
    network = search.network
    weights = network.trainable_variables
    before = search.values()["network_weights"]
    index = sampled(search, "weight step sample", 3).operation_index
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(cross_entropy(search.labels, network(search.images, Sampled(index))))
    gradients = [gradient.numpy() for gradient in tape.gradient(loss, weights)]
    norm = math.sqrt(sum(np.sum(np.square(gradient, dtype=np.float64)) for gradient in gradients))
    scale = min(1.0, search.config.gradient_clip_norm / norm)
    search.update_weights(number=3)
    for weight, gradient, old in zip(search.values()["network_weights"], gradients, before, strict=True):
        np.testing.assert_allclose(weight, old - 0.025 * (scale * gradient + 3e-4 * old), atol=1e-6)


def test_operations_that_were_not_sampled_only_decay(search):
    network = search.network
    edge = network.cells[0].edges[5]
    index = int(sampled(search, "weight step sample", 0).operation_index[0, 5])
    old = edge.operation_weights.numpy()
    search.update_weights(number=0)
    for operation in range(8):
        if operation != index:
            for new, before in zip(
                edge.candidates.operation_weights(edge.operation_weights.numpy(), operation),
                edge.candidates.operation_weights(old, operation),
                strict=True,
            ):
                np.testing.assert_allclose(new, before * (1 - 0.025 * 3e-4), rtol=1e-6)


def test_an_architecture_step_is_adam_on_the_straight_through_gradient_plus_l2(search):
    network, logits = search.network, search.method.operation_logits
    start = np.random.default_rng(1).normal(size=(2, 14, 8)).astype(np.float32)
    logits.assign(start)
    with tf.GradientTape() as tape:
        tape.watch(logits.value)
        sample = sampled(search, "architecture step sample", 2)
        loss = tf.reduce_mean(cross_entropy(search.labels, network(search.images, sample, train_weights=False)))
    gradient = tape.gradient(loss, logits).numpy() + 1e-3 * start
    search.update_architecture(number=2)
    # Adam's first step is the learning rate times the gradient over its absolute value.
    expected = start - 0.01 * gradient / (np.abs(gradient) + 1e-8)
    # Where the terms cancel, float rounding decides the sign.
    is_clear = np.abs(gradient) > 1e-5
    assert is_clear.mean() > 0.9
    np.testing.assert_allclose(logits.numpy()[is_clear], expected[is_clear], atol=2e-4)


def test_the_sample_is_counted_with_the_accuracy_of_its_batch(search):
    weight_index = sampled(search, "weight step sample", 1).operation_index.numpy()
    search.update_weights(number=1)
    sample = sampled(search, "architecture step sample", 1)
    batch_accuracy = float(mean_accuracy(search.labels, search.network(search.images, Sampled(sample.operation_index))))
    search.update_architecture(number=1)
    counts = search.method.statistics.counts()
    np.testing.assert_array_equal(counts.weight_steps, np.eye(8)[weight_index])
    np.testing.assert_array_equal(counts.architecture_steps, np.eye(8)[sample.operation_index.numpy()])
    np.testing.assert_allclose(counts.accuracy_sums, batch_accuracy * np.eye(8)[sample.operation_index.numpy()])


def test_weight_and_architecture_step_draw_samples_of_their_own(search):
    first = sampled(search, "weight step sample", 0).operation_index.numpy()
    assert np.any(first != sampled(search, "architecture step sample", 0).operation_index.numpy())
    assert np.any(first != sampled(search, "weight step sample", 1).operation_index.numpy())


def test_the_same_steps_from_the_same_state_give_the_same_bits(search):
    results = []
    for _ in range(2):
        search.reset()
        for number in range(3):
            search.update_weights(number)
            search.update_architecture(number)
        results.append(search.values())
    assert not changed(*results)


def test_dropped_operations_are_never_sampled_and_nothing_is_traced_again(search):
    search.update_weights()
    search.update_architecture()
    traces = search.network.trace_count(), search.step.update_weights.experimental_get_tracing_count()
    living = np.zeros((2, 14, 8), bool)
    living[..., [2, 6]] = True
    search.method.living_operations.assign(living)
    before = search.method.statistics.counts()
    for number in range(1, 9):
        search.update_weights(number)
        search.update_architecture(number)
    after = search.method.statistics.counts()
    for old, new in zip(before[:2], after[:2], strict=True):
        difference = new - old
        assert not difference[~living].any()
        assert (difference.sum(axis=-1) == 8).all()
        assert (difference[..., 2] > 0).any()
        assert (difference[..., 6] > 0).any()
    assert (
        search.network.trace_count(),
        search.step.update_weights.experimental_get_tracing_count(),
    ) == traces


def test_the_learning_rate_falls_by_cosine_over_the_search(search):
    optimizer = search.state.weights.optimizer
    rates = []
    for step in (0, 10, 20):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([0.025, (0.025 + 0.001) / 2, 0.001])


def test_a_loss_that_is_not_finite_is_remembered(search):
    search.images, images = search.images * float("inf"), search.images
    search.update_weights(number=7)
    search.images = images
    assert search.state.weight_results.first_bad_step.numpy() == 7


def test_initial_weights_come_from_the_global_seed(search):
    again, other = search.new_state(seed=0), search.new_state(seed=1)
    values = search.values()["network_weights"]
    assert all(np.array_equal(old, new) for old, new in zip(values, again.network.trainable_variables, strict=True))
    assert not any(np.array_equal(old, new) for old, new in zip(values, other.network.trainable_variables, strict=True))


@pytest.mark.parametrize("step", ["update_weights", "update_architecture"])
def test_in_a_search_no_edge_s_function_is_rewritten_forward_or_backward(search, step):
    batch, schedule = (search.images, search.labels), {"temperature": tf.constant(5.0)}
    batches = {"update_weights": [batch], "update_architecture": [batch, batch]}[step]
    graph = getattr(search.step, step).get_concrete_function(*batches, tf.constant(0, tf.int64), schedule).graph
    found = rewritten_calls(graph)
    assert any("backward" in name for name in found)
    assert any("forward" in name for name in found)
    assert not any(found.values())
