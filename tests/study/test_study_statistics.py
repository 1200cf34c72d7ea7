import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eoinas_tf.study.study_statistics import (
    agreement_ceiling,
    kendalls_tau,
    mean_with_intervals,
    noise_ceiling,
    pooled_deviation,
    rank_correlation,
    relative_improvement,
    tau_of_two_trainings,
)


def test_a_mean_with_its_intervals_by_hand():
    """Of four values, Student's 97.5 % point is 3.182, so that the half width is 1.591 deviations."""
    summary = mean_with_intervals([70.0, 72.0, 74.0, 76.0])
    assert (summary.mean, summary.sample_size) == (73.0, 4)
    assert summary.deviation == pytest.approx(np.sqrt(20 / 3))
    assert summary.t_half_width == pytest.approx(1.591 * summary.deviation, rel=1e-3)
    # Of the 256 ways to draw four, 5 have a mean of at most 70.5 and 15 one of at most 71: the 2.5 % point is 71.
    assert (summary.low, summary.high) == (71.0, 75.0)


def test_the_bootstrap_interval_of_many_values_is_that_of_the_normal_distribution(generator):
    values = generator.normal(50, 2, size=400)
    summary = mean_with_intervals(values)
    half_width = 1.96 * np.std(values, ddof=1) / 20
    assert summary.low == pytest.approx(summary.mean - half_width, abs=0.03)
    assert summary.high == pytest.approx(summary.mean + half_width, abs=0.03)
    assert summary == mean_with_intervals(values)


def test_too_few_or_equal_values_claim_nothing():
    single = mean_with_intervals([3.0])
    assert (single.mean, single.sample_size) == (3.0, 1)
    assert np.isnan([single.deviation, single.low, single.high, single.t_half_width]).all()
    equal = mean_with_intervals([3.0, 3.0])
    assert (equal.deviation, equal.low, equal.high, equal.t_half_width) == (0, 3, 3, 0)


def test_tau_by_hand():
    """Of six pairs of points, five agree and one does not: (5 - 1) / 6."""
    correlation = rank_correlation([1, 2, 3, 4], [10, 30, 20, 40])
    assert correlation.tau == pytest.approx(4 / 6)
    assert correlation.sample_size == 4
    assert -1 <= correlation.low <= correlation.tau <= correlation.high <= 1


def test_tau_of_many_samples_is_scipys(generator):
    x, y = generator.integers(0, 5, size=(2, 30, 9)).astype(float)
    expected = [stats.kendalltau(*pair).statistic for pair in zip(x, y, strict=True)]
    np.testing.assert_allclose(kendalls_tau(x, y, axis=-1), expected)
    assert kendalls_tau(np.ones(4), np.arange(4.0)) == 0


def test_pairs_without_a_value_or_without_an_order_claim_nothing():
    assert rank_correlation([1, 2, np.nan, 3], [1, 2, 3, np.nan]).sample_size == 2
    assert np.isnan(rank_correlation([1, 1, 1], [1, 2, 3]).tau)
    assert np.isnan(rank_correlation([1, 2, 3], [1, 3, 2]).low)
    assert np.isnan(rank_correlation(range(9), range(9)).low)
    assert np.isnan(rank_correlation([], []).tau)
    assert np.isnan(rank_correlation([1, 2], [1, 2]).tau)


@pytest.mark.parametrize(
    ("count", "text"), [(2, "no tau"), (3, "tau 1.00 (no interval)"), (4, "tau 1.00 (no interval)")]
)
def test_a_correlation_says_what_is_known(count, text):
    assert rank_correlation(range(count), range(count)).text() == text


def test_the_tau_of_two_trainings_of_the_same_cells():
    rows = [
        *(("a", 0, 0.1), ("a", 1, 0.2), ("a", 2, 0.9), ("b", 1, 0.1), ("b", 0, 0.2), ("c", 0, 0.3), ("c", 1, 0.3)),
        ("once", 0, 0.0),
    ]
    table = pd.DataFrame(rows, columns=["cell", "training_seed", "test_accuracy"])
    # First seeds a < b < c; second ones b < a < c: two of three pairs agree.
    twice = tau_of_two_trainings(table)
    assert (twice.tau, twice.sample_size) == (pytest.approx(1 / 3), 3)


def test_a_perfect_score_reaches_the_noise_ceiling():
    """Of 300 cells with a deviation of 1 and training runs of 0.7, two each, the order of the true accuracies."""
    generator = np.random.default_rng(0)
    true = generator.normal(70, 1, 300)
    table = pd.DataFrame({"cell": np.repeat(np.arange(300), 2), "test_accuracy": np.repeat(true, 2)})
    table["test_accuracy"] += generator.normal(0, 0.7, 600)
    deviation = pooled_deviation(table["test_accuracy"], table["cell"])
    ceiling = noise_ceiling(table, deviation)
    assert ceiling.tau == pytest.approx(
        rank_correlation(true, table.groupby("cell")["test_accuracy"].mean()).tau, abs=0.03
    )
    # A variance of 1 in a total of 1 + 0.49 / 2.
    assert ceiling.tau == pytest.approx(2 / np.pi * np.arcsin(np.sqrt(1 / 1.245)), abs=0.03)
    assert ceiling.sample_size == 300


def test_two_noisy_recipes_reach_the_ceiling_of_their_agreement():
    """500 cells with a deviation of 1, trained twice with a noise of 0.7, and once with one of 1.5."""
    generator = np.random.default_rng(0)
    true = generator.normal(70, 1, 500)
    first = pd.DataFrame({"cell": np.repeat(np.arange(500), 2), "test_accuracy": np.repeat(true, 2)})
    first["test_accuracy"] += generator.normal(0, 0.7, 1000)
    second = pd.DataFrame({"cell": np.arange(500), "test_accuracy": true + generator.normal(0, 1.5, 500)})
    ceiling = agreement_ceiling((first, 0.7), (second, 1.5))
    measured = rank_correlation(first.groupby("cell")["test_accuracy"].mean(), second["test_accuracy"]).tau
    assert ceiling == pytest.approx(measured, abs=0.05)
    # Variances of 1 in totals of 1 + 0.49 / 2 and 1 + 2.25.
    assert ceiling == pytest.approx(2 / np.pi * np.arcsin(np.sqrt(1 / 1.245 / 3.25)), abs=0.05)
    assert np.isnan(agreement_ceiling((first, 0.7), (second, float("nan"))))
    assert np.isnan(agreement_ceiling((first, 0.7), (second[:2], 1.5)))


def test_no_ceiling_is_known_without_noise_or_without_differences():
    table = pd.DataFrame({"cell": list("abc"), "test_accuracy": [1.0, 2.0, 3.0]})
    assert np.isnan(noise_ceiling(table, float("nan")).tau)
    assert np.isnan(noise_ceiling(table[:2], 0.1).tau)
    assert noise_ceiling(table, 0.0).tau == 1
    assert noise_ceiling(table, 5.0).tau == 0
    assert np.isnan(noise_ceiling(table.assign(test_accuracy=1.0), 0.1).tau)


def test_relative_improvement_by_hand():
    assert relative_improvement(84.0, 80.0) == 5.0
    assert relative_improvement(76.0, 80.0) == -5.0


def test_the_deviation_within_groups_by_hand():
    """Variances 2 and 1 with 1 and 2 degrees of freedom; the group with one value does not contribute."""
    values, groups = pd.Series([1.0, 3.0, 5.0, 6.0, 7.0, 100.0]), pd.Series(list("aabbbc"))
    assert pooled_deviation(values, groups) == pytest.approx(np.sqrt((2 * 1 + 1 * 2) / 3))
    assert np.isnan(pooled_deviation(values[-1:], groups[-1:]))
