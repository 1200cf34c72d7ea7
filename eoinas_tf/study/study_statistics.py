"""The statistics of studies: means with intervals, and rank correlations with intervals and their noise ceiling."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from eoinas_tf.study.planned_run import FIXED

CONFIDENCE = 0.95
RESAMPLES = 1999


class MeanWithIntervals(NamedTuple):
    """A mean with its uncertainty; NaN if there are too few values.

    Args:
        mean: The mean.
        deviation: The sample's standard deviation (n - 1).
        sample_size: Number of values.
        low: Lower end of the 95 % bootstrap interval (percentiles of resampled means).
        high: Its upper end.
        t_half_width: Half the width of the 95 % interval by Student's t, which for a few values is wider and closer to
            the truth: 1.6 deviations for four.
    """

    mean: float
    deviation: float
    sample_size: int
    low: float
    high: float
    t_half_width: float


def mean_with_intervals(values: Sequence[float] | np.ndarray) -> MeanWithIntervals:
    """Returns the mean of independent values with its intervals.

    Args:
        values: The values, at least one.
    """
    sample = np.asarray(values, np.float64)
    mean, count = float(np.mean(sample)), len(sample)
    if count < 2:
        return MeanWithIntervals(mean, np.nan, count, np.nan, np.nan, np.nan)
    deviation = float(np.std(sample, ddof=1))
    if np.ptp(sample) == 0:
        return MeanWithIntervals(mean, 0.0, count, mean, mean, 0.0)
    interval = stats.bootstrap(
        (sample,), np.mean, confidence_level=CONFIDENCE, n_resamples=RESAMPLES, method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    half_width = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * deviation / np.sqrt(count)
    return MeanWithIntervals(mean, deviation, count, float(interval.low), float(interval.high), float(half_width))


class RankCorrelation(NamedTuple):
    """Kendall's tau-b of pairs, with its 95 % bootstrap interval over the pairs.

    Args:
        tau: NaN if one side has a single distinct value, or there are fewer than three pairs: two have an order, but
            always the same or the opposite one.
        low: Lower end; NaN with fewer than four pairs, and if tau is 1 or -1, where every resample gives the same.
        high: Upper end.
        sample_size: Number of pairs.
    """

    tau: float
    low: float
    high: float
    sample_size: int

    def text(self) -> str:
        """Returns it in words, such as `tau 0.33 [-0.20, 0.80]`."""
        if math.isnan(self.tau):
            return "no tau"
        interval = "(no interval)" if math.isnan(self.low) else f"[{self.low:.2f}, {self.high:.2f}]"
        return f"tau {self.tau:.2f} {interval}"


def rank_correlation(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> RankCorrelation:
    """Returns Kendall's tau of pairs; pairs with a NaN are left out.

    Args:
        first: One value per pair.
        second: The other value per pair.
    """
    pairs = np.column_stack([np.asarray(first, np.float64), np.asarray(second, np.float64)])
    x, y = pairs[~np.isnan(pairs).any(axis=1)].T
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return RankCorrelation(np.nan, np.nan, np.nan, len(x))
    tau = float(kendalls_tau(x, y))
    if len(x) < 4 or math.isclose(abs(tau), 1):
        return RankCorrelation(tau, np.nan, np.nan, len(x))
    interval = stats.bootstrap(
        (x, y), kendalls_tau, paired=True, vectorized=True, confidence_level=CONFIDENCE, n_resamples=RESAMPLES,
        method="percentile", batch=200, rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return RankCorrelation(tau, float(interval.low), float(interval.high), len(x))


def tau_of_two_trainings(trainings: pd.DataFrame) -> RankCorrelation:
    """Returns the tau between two training runs of the same cells: what a score as noisy as a training run can reach.

    Args:
        trainings: One row per training run, with `cell`, `training_seed` and `test_accuracy`. For each cell that was
            trained more than once, the first two seeds are used.
    """
    firsts, seconds = [], []
    for _, group in trainings.sort_values("training_seed").groupby("cell"):
        if len(group) >= 2:
            first, second, *_ = group["test_accuracy"]
            firsts.append(first)
            seconds.append(second)
    return rank_correlation(firsts, seconds)


def noise_ceiling(trainings: pd.DataFrame, deviation: float) -> RankCorrelation:
    """Returns an estimate of the tau between the mean accuracies of cells and a perfect score of these cells.

    Of the variance of the means, the part that the noise between training runs does not explain is the cells' own (the
    reliability). A score without noise is correlated with the means by its root, r; if all are normally distributed,
    tau is 2 / pi asin(r) (Greiner's relation).

    Args:
        trainings: One row per training run of the ranked cells, with `cell` and `test_accuracy`.
        deviation: Standard deviation between training runs of one cell, in the unit of `test_accuracy`.

    Returns:
        The estimate without an interval; NaN if the deviation is, or with fewer than three cells.
    """
    tau = 2 / math.pi * math.asin(math.sqrt(_reliability(trainings, deviation)))
    return RankCorrelation(tau, np.nan, np.nan, trainings["cell"].nunique())


def agreement_ceiling(first: tuple[pd.DataFrame, float], second: tuple[pd.DataFrame, float]) -> float:
    """Returns an estimate of the tau between two recipes' mean accuracies of cells that both rank alike but for noise.

    As in `noise_ceiling`, with noise on both sides: the means are correlated by the root of both reliabilities' product
    (attenuation).

    Args:
        first: One row per training run of the ranked cells, with `cell` and `test_accuracy`, and the standard deviation
            between training runs of one cell, in the unit of `test_accuracy`.
        second: The same of the other recipe.

    Returns:
        The estimate; NaN if it is unknown for either.
    """
    return 2 / math.pi * math.asin(math.sqrt(_reliability(*first) * _reliability(*second)))


def _reliability(trainings: pd.DataFrame, deviation: float) -> float:
    """Returns which fraction of the variance of the cells' means is their own; NaN if it is unknown."""
    cells = trainings.groupby("cell")["test_accuracy"].agg(["mean", "count"])
    variance = cells["mean"].var(ddof=1)
    if len(cells) < 3 or math.isnan(deviation) or not variance:
        return float("nan")
    noise = deviation**2 * (1 / cells["count"]).mean()
    return max(0.0, 1.0 - noise / variance)


def independent_accuracies(trainings: pd.DataFrame) -> np.ndarray:
    """Returns the independent samples of a contestant: a mean for each found cell, every training of a given network.

    Args:
        trainings: The contestant's rows of a study's trainings, with `role`, `cell` and `test_accuracy`.

    Returns:
        float, test accuracies in percent.
    """
    if (trainings["role"] == FIXED).all():
        return 100 * trainings["test_accuracy"].to_numpy(float)
    return 100 * trainings.groupby("cell", sort=False)["test_accuracy"].mean().to_numpy(float)


def relative_improvement(accuracy: float, random_accuracy: float) -> float:
    """Returns RI = 100 (accuracy - random) / random in percent.

    Args:
        accuracy: Mean accuracy of a method's cells.
        random_accuracy: Mean accuracy of random cells.
    """
    return 100.0 * (accuracy - random_accuracy) / random_accuracy


def pooled_deviation(values: pd.Series, groups: pd.Series) -> float:
    """Returns the standard deviation within groups, over all groups with two or more values; NaN if there are none.

    Args:
        values: The values.
        groups: The group of each.
    """
    grouped = values.groupby(groups)
    counts, variances = grouped.count(), grouped.var(ddof=1)
    degrees = (counts - 1)[counts > 1]
    if degrees.empty:
        return float("nan")
    return float(np.sqrt((variances[counts > 1] * degrees).sum() / degrees.sum()))


def kendalls_tau(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """Returns Kendall's tau-b of many samples at once, which scipy.stats.kendalltau only takes one by one.

    Args:
        x: [..., pairs].
        y: Array of the same shape.
        axis: The last axis; scipy.stats.bootstrap passes it.

    Returns:
        [...]; 0 for a sample with a single distinct value, which has no order.
    """
    if axis not in (-1, x.ndim - 1):
        raise ValueError(f"axis must be the last one. Received: {axis}")
    first, second = (np.sign(values[..., :, None] - values[..., None, :]) for values in (x, y))
    agreeing = np.sum(first * second, axis=(-2, -1))
    scale = np.sqrt(np.sum(first != 0, axis=(-2, -1)) * np.sum(second != 0, axis=(-2, -1)))
    return np.where(scale > 0, agreeing / np.maximum(scale, 1.0), 0.0)
