import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.optimization.training_targets import TrainingTargets

LOGITS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
LABELS, PARTNERS = np.array([0, 1, 2, 0, 1], np.int32), np.array([1, 1, 0, 2, 0], np.int32)
SHARES = np.array([0.9, 0.5, 0.2, 0.0, 1.0], np.float32)
PLAIN = TrainingTargets(tf.constant(LABELS))
MIXED = TrainingTargets(tf.constant(LABELS), tf.constant(PARTNERS), tf.constant(SHARES))


def numpy_loss(targets):
    logarithms = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
    return -np.mean(np.sum(targets * logarithms, axis=1))


def numpy_targets(smoothing, factors):
    """The targets [batch, classes]: each class's part, smoothed over all classes, times the class's factor."""
    total = np.zeros((5, 3))
    for labels, shares in ((LABELS, SHARES), (PARTNERS, 1 - SHARES)):
        smoothed = (1 - smoothing) * np.eye(3)[labels] + smoothing / 3
        total += (shares * np.array(factors)[labels])[:, None] * smoothed
    return total


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("factors", [None, (0.5, 1.0, 3.0)])
def test_a_mixture_s_cross_entropy_is_that_with_its_soft_label(smoothing, factors):
    class_factors = None if factors is None else np.array(factors, np.float32)
    found = MIXED.mean_cross_entropy(tf.constant(LOGITS), smoothing, class_factors)
    assert float(found) == pytest.approx(numpy_loss(numpy_targets(smoothing, factors or (1, 1, 1))), rel=1e-5)


def test_without_partners_it_is_that_with_the_class():
    for targets in (PLAIN, MIXED._replace(shares=tf.ones([5]))):
        found = float(targets.mean_cross_entropy(tf.constant(LOGITS)))
        assert found == pytest.approx(numpy_loss(np.eye(3)[LABELS]), rel=1e-5)


def test_the_main_class_has_the_larger_share():
    assert MIXED.main_labels().numpy().tolist() == [0, 1, 0, 2, 1]
    assert PLAIN.main_labels() is PLAIN.labels


def test_a_part_is_of_all_three():
    part = MIXED.part(slice(1, 3))
    assert [tensor.numpy().tolist() for tensor in part] == [[1, 2], [1, 0], SHARES[1:3].tolist()]
    assert PLAIN.part(slice(1, 3)).labels.numpy().tolist() == [1, 2]
    assert PLAIN.part(slice(1, 3)).shares is None
