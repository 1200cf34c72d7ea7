import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import chisquare

from eoinas_tf.random_seeds import stateless_seed
from eoinas_tf.supernet.multinomial_sampling import draw_operations

PROBABILITIES = np.array([0.5, 0.25, 0.0, 0.15, 0.1])
DRAWS = 4000


def drawn_counts(probabilities):
    """How often each operation is drawn, over many edges and seeds."""
    rows = tf.constant(np.broadcast_to(probabilities, (2, DRAWS // 20, len(probabilities))))
    drawn = [draw_operations(rows, stateless_seed(3, "test", step)).numpy() for step in range(10)]
    return np.bincount(np.ravel(drawn), minlength=len(probabilities))


@pytest.mark.parametrize("scale", [1.0, 8.0])
def test_operations_come_as_often_as_their_probabilities_say(scale):
    counts = drawn_counts(scale * PROBABILITIES)
    assert counts[2] == 0
    possible = PROBABILITIES > 0
    assert chisquare(counts[possible], DRAWS * PROBABILITIES[possible]).pvalue > 0.01


def test_the_comparison_sees_other_probabilities():
    counts = drawn_counts(np.array([0.45, 0.3, 0.0, 0.15, 0.1]))
    possible = PROBABILITIES > 0
    assert chisquare(counts[possible], DRAWS * PROBABILITIES[possible]).pvalue < 1e-6


def test_the_seed_alone_decides_and_edges_are_independent():
    uniform = tf.ones([2, 14, 8], tf.float64)
    first, again, other = (draw_operations(uniform, stateless_seed(0, "test", step)) for step in (7, 7, 8))
    assert first.dtype == tf.int32
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    assert len(set(first.numpy().ravel())) > 4


def test_a_graph_draws_what_python_draws():
    uniform = tf.ones([2, 14, 8])
    drawn = tf.function(lambda step: draw_operations(uniform, stateless_seed(0, "test", step)), autograph=False)
    for step in range(5):
        expected = draw_operations(uniform, stateless_seed(0, "test", step))
        np.testing.assert_array_equal(drawn(tf.constant(step, tf.int64)), expected)
