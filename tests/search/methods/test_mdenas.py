import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import chisquare

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.methods.mdenas import Mdenas, as_distribution, comparison_balance
from eoinas_tf.search.search_method import SearchProblem
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.supernet.choice import Sampled

STEPS = 5


def mdenas(**settings):
    config = SearchConfig(**{"method": "mdenas", "epochs": 10, "warmup_epochs": 2, **settings})
    return Mdenas(SearchProblem(config, OPERATION_NAMES, STEPS))


@pytest.mark.parametrize(("epochs", "warmup", "warns"), [(9, 2, True), (10, 2, False), (8, 0, False), (2, 1, True)])
def test_fewer_epochs_than_operations_are_warned_of(epochs, warmup, warns):
    warnings = Mdenas.check(SearchConfig(method="mdenas", epochs=epochs, warmup_epochs=warmup))
    assert len(warnings) == warns
    if warns:
        assert warnings[0].startswith(
            f"{epochs - warmup} epochs after the warm-up train at most {epochs - warmup} of 8"
        )
    two = SearchConfig(method="mdenas", epochs=epochs, warmup_epochs=0, operations=("none", "skip_connect"))
    assert Mdenas.check(two) == ()


def run_epoch(method, epoch, accuracy, operations=None):
    """Runs an epoch's architecture steps, all with the same accuracy; returns the operations that ran."""
    for step in range((epoch - 1) * STEPS, epoch * STEPS):
        choice = method.architecture_choice(tf.constant(step, tf.int64), {})
        if operations is not None:
            choice = Sampled(tf.constant(operations, tf.int32))
        method.after_architecture_step(choice, tf.constant(accuracy))
    method.end_epoch(epoch)
    return choice.operation_index.numpy()


def arrays(method):
    return {name: [np.array(tf.convert_to_tensor(one)) for one in ones] for name, ones in method.state().items()}


def test_three_operations_are_compared_as_by_hand():
    epochs, accuracies = np.array([[1, 3, 2]]), np.array([[0.6, 0.5, 0.4]])
    # The first beats both: fewer epochs, more accurate. Of the others, the third has fewer epochs, the second is
    # better.
    np.testing.assert_array_equal(comparison_balance(epochs, accuracies, np.ones((1, 3), bool)), [[2, -1, -1]])
    equal_epochs = np.array([[1, 1, 2]])
    np.testing.assert_array_equal(comparison_balance(equal_epochs, accuracies, np.ones((1, 3), bool)), [[1, 1, -2]])
    equal_accuracies = np.array([[0.6, 0.6, 0.4]])
    np.testing.assert_array_equal(comparison_balance(epochs, equal_accuracies, np.ones((1, 3), bool)), [[1, 0, -1]])
    third_dropped = np.array([[True, True, False]])
    np.testing.assert_array_equal(comparison_balance(epochs, accuracies, third_dropped), [[1, -1, 0]])


def balance_one_by_one(epochs, accuracies, living):
    """Computes the paper's two indicators, pair by pair."""
    balance = np.zeros(epochs.shape, int)
    for position in np.ndindex(epochs.shape):
        edge = position[:-1]
        for j in range(epochs.shape[-1]):
            other = (*edge, j)
            if not (living[position] and living[other]):
                continue
            epochs_apart = epochs[position] - epochs[other]
            accuracies_apart = accuracies[position] - accuracies[other]
            balance[position] += int(epochs_apart < 0 and accuracies_apart > 0)
            balance[position] -= int(epochs_apart > 0 and accuracies_apart < 0)
    return balance


@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_compared_as_one_by_one(seed):
    generator = np.random.default_rng(seed)
    epochs = generator.integers(0, 4, (2, 14, 8))
    accuracies = generator.integers(0, 5, (2, 14, 8)) / 4
    living = generator.random((2, 14, 8)) < 0.8
    balance = comparison_balance(epochs, accuracies, living)
    np.testing.assert_array_equal(balance, balance_one_by_one(epochs, accuracies, living))
    assert np.any(balance)
    np.testing.assert_array_equal(balance.sum(axis=-1), 0)


def test_an_epoch_moves_the_probabilities_as_by_hand():
    method = mdenas(probability_learning_rate=0.1)
    shape = method.problem.shape
    ones = np.ones(shape[:2], np.int64)
    run_epoch(method, 3, 0.5, 2 * ones)
    # Nothing is won against operations that were never trained: they have fewer epochs and no accuracy.
    np.testing.assert_allclose(method.probabilities, np.full(shape, 1 / 8))
    run_epoch(method, 4, 0.625, 2 * ones)
    run_epoch(method, 5, 0.75, 4 * ones)
    # Operation 4: one epoch, 0.75; operation 2: two epochs, 0.625.
    expected = np.array([1, 1, 1 - 0.8, 1, 1 + 0.8, 1, 1, 1]) / 8
    np.testing.assert_allclose(method.probabilities, np.broadcast_to(expected, shape))
    run_epoch(method, 6, 0.5, 4 * ones)
    # Both have two epochs now.
    np.testing.assert_allclose(method.probabilities, np.broadcast_to(expected, shape))
    evidence = method.evidence()
    np.testing.assert_array_equal(evidence.columns["training_epochs"][1, 3], [0, 0, 2, 0, 2, 0, 0, 0])
    nothing = np.nan
    np.testing.assert_array_equal(
        evidence.columns["accuracy"][0, 13], [nothing, nothing, 0.625, nothing, 0.5, nothing, nothing, nothing]
    )
    np.testing.assert_array_equal(evidence.scores, method.probabilities)


def test_the_accuracy_of_an_epoch_is_the_mean_of_its_steps():
    method = mdenas()
    choice = Sampled(tf.zeros([2, 14], tf.int32))
    for accuracy in (0.25, 0.5, 0.75, 1.0):
        method.after_architecture_step(choice, tf.constant(accuracy))
    method.end_epoch(3)
    np.testing.assert_array_equal(method.operation_accuracies[..., 0], np.full((2, 14), 0.625))
    method.after_architecture_step(choice, tf.constant(0.125))
    method.end_epoch(4)
    np.testing.assert_array_equal(method.operation_accuracies[..., 0], np.full((2, 14), 0.125))


def test_probabilities_stay_distributions_however_far_they_move():
    method = mdenas(probability_learning_rate=0.15)
    generator = np.random.default_rng(0)
    for epoch in range(3, 40):
        run_epoch(method, epoch, float(generator.random()), generator.integers(0, 8, (2, 14)))
        probabilities = method.probabilities.numpy()
        assert probabilities.min() >= 0
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-12)
    assert np.any(probabilities == 0), "none was pushed below 0"


def test_what_falls_below_zero_is_cut_off_and_the_rest_scaled():
    values, living = np.array([[-0.25, 0.5, 0.75]]), np.ones((1, 3), bool)
    np.testing.assert_allclose(as_distribution(values, living), [[0, 0.4, 0.6]])
    np.testing.assert_allclose(as_distribution(values, np.array([[True, True, False]])), [[0, 1, 0]])
    np.testing.assert_allclose(as_distribution(values - 1, np.array([[True, True, False]])), [[0.5, 0.5, 0]])


def test_a_sample_holds_for_an_epoch_and_for_both_steps():
    method = mdenas()

    def drawn(step, architecture=False):
        draw = method.architecture_choice if architecture else method.weight_choice
        choice = draw(tf.constant(step, tf.int64), {})
        assert choice.gates is None
        return choice.operation_index.numpy().tolist()

    third_epoch = [drawn(step) for step in range(2 * STEPS, 3 * STEPS)]
    assert third_epoch == [third_epoch[0]] * STEPS
    assert drawn(2 * STEPS + 3, architecture=True) == third_epoch[0]
    assert drawn(3 * STEPS) != third_epoch[0]
    warmup = [drawn(step) for step in range(2 * STEPS)]
    assert all(one != other for one, other in itertools.pairwise(warmup))


def test_the_warm_up_draws_all_operations_alike_and_counts_nothing():
    method = mdenas()
    draw = tf.function(lambda step: method.weight_choice(step, {}).operation_index, autograph=False)
    drawn = np.array([draw(tf.constant(step, tf.int64)) for step in range(2 * STEPS)])
    assert chisquare(np.bincount(drawn.ravel(), minlength=8)).pvalue > 0.01
    before = arrays(method)
    method.end_epoch(1)
    for name, values in arrays(method).items():
        for one, other in zip(values, before[name], strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


def test_samples_follow_the_probabilities():
    method = mdenas(warmup_epochs=0)
    probabilities = np.array([0.3, 0.0, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])
    method.probabilities.assign(np.broadcast_to(probabilities, method.problem.shape))
    draw = tf.function(lambda step: method.weight_choice(step, {}).operation_index, autograph=False)
    drawn = np.ravel([draw(tf.constant(epoch * STEPS, tf.int64)) for epoch in range(100)])
    counts = np.bincount(drawn, minlength=8)
    assert counts[1] == 0
    possible = probabilities > 0
    assert chisquare(counts[possible], drawn.size * probabilities[possible]).pvalue > 0.01
    assert chisquare(counts[possible]).pvalue < 1e-6


def test_a_dropped_operation_is_never_drawn_and_moves_no_other():
    method = mdenas(warmup_epochs=0, probability_learning_rate=0.1)
    dropped = np.zeros(method.problem.shape, bool)
    dropped[..., 5:] = True
    run_epoch(method, 1, 0.25, np.full((2, 14), 7))
    run_epoch(method, 2, 0.25, np.full((2, 14), 7))
    method.drop(dropped)
    np.testing.assert_allclose(method.probabilities[..., :5], np.full((2, 14, 5), 0.2))
    np.testing.assert_array_equal(method.probabilities[..., 5:], 0)
    for epoch in range(3, 23):
        assert run_epoch(method, epoch, 0.5).max() < 5
    np.testing.assert_allclose(method.probabilities, np.broadcast_to([0.2] * 5 + [0] * 3, method.problem.shape))
    assert np.isnan(method.evidence().scores[..., 5:]).all()


def test_without_a_drop_no_bit_changes():
    method = mdenas(probability_learning_rate=0.07)
    generator = np.random.default_rng(0)
    for epoch in range(3, 9):
        run_epoch(method, epoch, float(generator.random()), generator.integers(0, 8, (2, 14)))
    before = method.probabilities.numpy()
    method.drop(np.zeros(method.problem.shape, bool))
    np.testing.assert_array_equal(method.probabilities, before)


@pytest.mark.parametrize("finished_steps", [0, 2, STEPS])
def test_everything_that_an_epoch_changes_is_in_the_state(finished_steps):
    """A new method given the state in the middle of an epoch, or just before its end, ends it in the same way."""
    first = mdenas(probability_learning_rate=0.1)
    operations = np.zeros((2, 14), np.int64)
    for epoch, operation, accuracy in ((1, 2, 0.5), (2, 2, 0.5), (3, 4, 0.75), (4, 6, 0.25)):
        run_epoch(first, epoch, accuracy, operations + operation)
    accuracies = [0.125, 0.875, 0.625, 0.5, 0.25]

    def run_steps(method, steps):
        for step in steps:
            choice = method.architecture_choice(tf.constant(4 * STEPS + step, tf.int64), {})
            method.after_architecture_step(choice, tf.constant(accuracies[step]))

    run_steps(first, range(finished_steps))
    second = mdenas(probability_learning_rate=0.1)
    for name, variables in second.state().items():
        for variable, value in zip(variables, first.state()[name], strict=True):
            variable.assign(tf.convert_to_tensor(value))
    for method in (first, second):
        run_steps(method, range(finished_steps, STEPS))
        method.end_epoch(5)
        run_epoch(method, 6, 0.625)
    for name, values in arrays(first).items():
        for one, other in zip(values, arrays(second)[name], strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


def test_nothing_is_trained_by_gradient():
    assert mdenas().architecture is None
    assert Mdenas.has_architecture_steps
