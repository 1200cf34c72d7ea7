"""Whether methods differ by more than luck: differences of their cells from random ones and from each other's."""

import json
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.space.genotype import INPUTS_PER_NODE
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.planned_run import FOUND
from eoinas_tf.study.study_file import RANDOM
from eoinas_tf.study.study_statistics import CONFIDENCE

PLACE = ["data_set", "scale", "training"]
SIZES = {"multiply_adds": "same_multiply_adds", "parameters": "same_parameters"}
SIZE_MARKERS = {
    "same_multiply_adds": ("o", "at equal multiply-adds"),
    "same_parameters": ("s", "at equal parameters"),
}
# A slope from fewer degrees of freedom than this is mostly noise.
FEWEST_DEGREES = 5


def difference_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns the difference of every method from each control, with simultaneous intervals.

    The samples are cells that were found or drawn; a cell that was trained several times counts once, with its mean.
    Controls are the random cells, and the methods with the most searches if these are two or more. The intervals and p
    are Dunnett's: all comparisons with one control together are wrong by luck in 5 % of all studies. They pool the
    variance of the methods.

    Args:
        results: The study's tables.

    Returns:
        `differences`: rows of control and contestant, with the difference of the means in percentage points, the
        interval, p, and the difference that is left at equal multiply-adds and at equal parameters
        (`equal_size_differences`). `all_searches`: see `all_searches`.
    """
    rows, together = [], []
    for place, cells in _cells(results).groupby(PLACE, sort=False):
        keys = dict(zip(PLACE, place, strict=True))
        for control in _controls(cells):
            rows += [keys | row for row in _rows(cells, control)]
        together += [keys | row for row in all_searches(cells)]
    return {"differences": pd.DataFrame(rows), "all_searches": pd.DataFrame(together)}


def all_searches(cells: pd.DataFrame) -> list[dict[str, object]]:
    """Compares the searches of all methods together with the random cells: whether searching helped at all.

    Searches of different methods differ little beside their luck, so that together they tell more than one by one.
    Searches that found the same network are one sample, with the mean of their accuracies. The interval and p are
    Welch's.

    Args:
        cells: One row per cell, with `contestant`, `accuracy` in percent, `network`, and the sizes.

    Returns:
        A row: the numbers of searches, of networks that they found and of random cells, the difference of the means of
        the networks and of the random cells in percentage points with interval and p, how often a searched one is
        better than a random one (of all pairs, in percent, with half of the ties), and what is left of the difference
        at equal size. None with fewer than two of either, or if all are equal.
    """
    searches = int((cells["contestant"] != RANDOM).sum())
    cells = _once_per_network(cells)
    is_random = cells["contestant"] == RANDOM
    found, drawn = (cells["accuracy"][chosen].to_numpy() for chosen in (~is_random, is_random))
    if min(len(found), len(drawn)) < 2 or max(np.ptp(found), np.ptp(drawn)) == 0:
        return []
    test = stats.ttest_ind(found, drawn, equal_var=False)
    low, high = test.confidence_interval(CONFIDENCE)
    better = np.sign(found[:, None] - drawn[None, :])
    points = float(found.mean() - drawn.mean())
    row: dict[str, object] = {
        "searches": searches,
        "networks": len(found),
        "random_cells": len(drawn),
        "points": points,
        "welch_low": float(low),
        "welch_high": float(high),
        "p_value": float(test.pvalue),
        "better": float(50 * (1 + better.mean())),
    }
    for size, column in SIZES.items():
        larger = np.log(cells[size][~is_random]).mean() - np.log(cells[size][is_random]).mean()
        row[column] = points - _slope_of_size(cells, size) * float(larger)
    return [row]


def _once_per_network(cells: pd.DataFrame) -> pd.DataFrame:
    """Returns one row per network, with the mean accuracy of its cells and the first one's method and sizes."""
    is_random = (cells["contestant"] == RANDOM).rename("is_random")
    kept = {name: (name, "first") for name in ("contestant", *SIZES)}
    return cells.groupby([is_random, "network"], sort=False).agg(accuracy=("accuracy", "mean"), **kept).reset_index()


def equal_size_differences(cells: pd.DataFrame, size: str, control: str) -> pd.Series:
    """Returns the differences from a control that are left if all cells are as large as the control's (ANCOVA).

    The cells of one method show how accuracy grows with the logarithm of size: one slope, pooled over all methods. What
    it gives for the difference in mean size is taken off the difference in accuracy.

    Args:
        cells: One row per cell, with `contestant`, `accuracy` in percent, and the size.
        size: Column of the size, `multiply_adds` or `parameters`.
        control: Name of the control.

    Returns:
        Percentage points by contestant; NaN if too few cells, or none that differ in size, tell the slope.
    """
    means = _with_log_size(cells, size).groupby(cells["contestant"], sort=False).mean()
    differences = means - means.loc[control]
    return differences["accuracy"] - _slope_of_size(cells, size) * differences["size"]


def _with_log_size(cells: pd.DataFrame, size: str) -> pd.DataFrame:
    return pd.DataFrame({"accuracy": cells["accuracy"], "size": np.log(cells[size])})


def _slope_of_size(cells: pd.DataFrame, size: str) -> float:
    """Returns how accuracy grows with the logarithm of size within the methods; NaN if too few cells tell it."""
    values = _with_log_size(cells, size)
    grouped = values.groupby(cells["contestant"], sort=False)
    within = values - grouped.transform("mean")
    degrees = len(cells) - grouped.ngroups - 1
    variation = float((within["size"] ** 2).sum())
    if degrees < FEWEST_DEGREES or np.isclose(variation, 0):
        return float("nan")
    return float((within["size"] * within["accuracy"]).sum()) / variation


def difference_pictures(results: Results) -> dict[str, Figure]:
    """Returns the differences from random cells, with their intervals and what is left of them at equal size.

    Args:
        results: The study's tables.
    """
    tables = [
        (place, pd.DataFrame(_rows(cells, RANDOM)))
        for place, cells in _cells(results).groupby(PLACE, sort=False)
        if RANDOM in _controls(cells)
    ]
    places = [(place, table) for place, table in tables if len(table)]
    if not places:
        return {}
    figure = new_figure(8.5, sum(1.6 + 0.42 * len(group) for _, group in places))
    heights = [len(group) for _, group in places]
    panels = figure.subplots(len(places), 1, squeeze=False, height_ratios=heights).flat
    for axes, (place, group) in zip(panels, places, strict=True):
        positions = np.arange(len(group))
        for column, (marker, text) in SIZE_MARKERS.items():
            axes.plot(group[column], positions, marker, mfc="none", color="C0", markersize=7, linestyle="", label=text)
        errors = [group["points"] - group["points_low"], group["points_high"] - group["points"]]
        axes.errorbar(
            group["points"], positions, xerr=errors, fmt="D", color="black", markersize=4.5, capsize=3, linewidth=1.2,
            label="as trained, 95 % interval",
        )  # fmt: skip
        axes.axvline(0, color="0.6", linestyle="--", linewidth=1, zorder=0)
        axes.set_yticks(positions, [f"{row.contestant} ({row.sample_size})" for row in group.itertuples()])
        axes.set(
            ylim=(len(group) - 0.4, -0.6),
            xlabel="difference from the mean of the random cells (percentage points)",
            title=", ".join(part for part in place if part),
        )
        axes.grid(axis="x", alpha=0.3)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return {"differences": figure}


def _cells(results: Results) -> pd.DataFrame:
    """Returns a row for each cell that was found or drawn: its mean accuracy in percent, sizes and network."""
    table = results.trainings[results.trainings["role"] == FOUND]
    grouped = table.groupby([*PLACE, "contestant", "cell"], sort=False)
    cells = grouped.agg(accuracy=("test_accuracy", "mean"), **{name: (name, "first") for name in SIZES})
    cells = cells.assign(accuracy=100 * cells["accuracy"]).reset_index()
    searches = results.searches[["data_set", "scale", "cell", "genotype"]]
    networks = {tuple(key): _network(genotype) for *key, genotype in searches.itertuples(index=False)}
    keys = cells[["data_set", "scale", "cell"]].itertuples(index=False, name=None)
    return cells.assign(network=[networks.get(key, key) for key in keys])


def _network(genotype: str) -> str:
    """Returns the cells of a genotype without an order of each node's inputs, which are added up, or of the output.

    The operations need not be known here: they may be a user's own.
    """
    content = json.loads(genotype)
    cells = []
    for cell in ("normal", "reduce"):
        pairs = content[cell]
        nodes = [pairs[start : start + INPUTS_PER_NODE] for start in range(0, len(pairs), INPUTS_PER_NODE)]
        cells.append([[sorted(node) for node in nodes], sorted(content[f"{cell}_concat"])])
    return json.dumps(cells)


def _controls(cells: pd.DataFrame) -> list[str]:
    """Returns the random cells, and the methods with the most searches; each has two cells or more."""
    counts = cells.groupby("contestant", sort=False).size()
    most = counts.drop(RANDOM, errors="ignore").max()
    names = [RANDOM, *counts.index[counts == most].drop(RANDOM, errors="ignore")]
    return [name for name in names if counts.get(name, 0) > 1]


def _rows(cells: pd.DataFrame, control: str) -> list[dict[str, object]]:
    """Returns the rows of one control; none without a second contestant or without any variation."""
    samples = {name: group["accuracy"].to_numpy() for name, group in cells.groupby("contestant", sort=False)}
    others = {name: sample for name, sample in samples.items() if name != control}
    if not others or all(np.ptp(sample) == 0 for sample in samples.values()):
        return []
    interval, p_values = _dunnetts_test(others, samples[control])
    left = {column: equal_size_differences(cells, size, control) for size, column in SIZES.items()}
    center = np.mean(samples[control])
    return [
        {
            "control": control,
            "contestant": name,
            "sample_size": len(sample),
            "points": float(np.mean(sample) - center),
            "points_low": float(low),
            "points_high": float(high),
            "p_value": float(p),
        }
        | {column: float(series[name]) for column, series in left.items()}
        for (name, sample), low, high, p in zip(others.items(), *interval, p_values, strict=True)
    ]


def _dunnetts_test(
    others: Mapping[str, np.ndarray], control: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Returns low and high ends of the simultaneous intervals, and p of each comparison."""
    samples = list(others.values())
    if len(samples) == 1:  # Dunnett's test is Student's then, which is exact.
        exact = stats.ttest_ind(samples[0], control)
        low, high = exact.confidence_interval(CONFIDENCE)
        return (np.array([low]), np.array([high])), np.array([exact.pvalue])
    # The multivariate t distribution is integrated with random points, so that an interval is right to about 1 %.
    test = stats.dunnett(*samples, control=control, rng=np.random.default_rng(0))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Computation of the confidence interval did not converge")
        interval = test.confidence_interval(CONFIDENCE)
    return (interval.low, interval.high), test.pvalue
