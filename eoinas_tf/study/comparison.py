"""The comparison of methods, random cells and given networks: the study's main table and its pictures."""

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.planned_run import FIXED, FOUND
from eoinas_tf.study.study_file import RANDOM
from eoinas_tf.study.study_statistics import (
    independent_accuracies,
    mean_with_intervals,
    pooled_deviation,
    relative_improvement,
)

PLACE = ["data_set", "scale", "training"]
MILLION = 1e6
# Points further than so many interquartile ranges from the quartiles (Tukey's outer fences) do not stretch an axis.
OUTER_FENCE = 3.0
# Arrows to points beyond the low and the high end of an axis, across and upwards.
ARROWS = {
    "x": "\N{BLACK LEFT-POINTING TRIANGLE}\N{BLACK RIGHT-POINTING TRIANGLE}",
    "y": "\N{BLACK DOWN-POINTING TRIANGLE}\N{BLACK UP-POINTING TRIANGLE}",
}


def comparison_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns the table of contestants, one row each per recipe, and the table of the noise between training runs.

    The independent values of a method are its searches: a cell that was trained several times counts once, with its
    mean. Those of a given network are its training runs.

    Args:
        results: The study's tables.
    """
    trainings = _main_trainings(results)
    rows, noise = [], []
    for place, table in trainings.groupby(PLACE, sort=False):
        keys = dict(zip(PLACE, place, strict=True))
        values = {name: independent_accuracies(group) for name, group in table.groupby("contestant", sort=False)}
        random = values.get(RANDOM)
        for name, group in table.groupby("contestant", sort=False):
            searches = _searches_of(results, keys, name)
            rows.append(keys | _row(name, group, values[name], random, searches))
        noise.append(keys | _noise_row(table, values))
    return {"comparison": pd.DataFrame(rows), "noise": pd.DataFrame(noise)}


def comparison_pictures(results: Results) -> dict[str, Figure]:
    """Returns all test accuracies with means and intervals, and accuracy over multiply-adds.

    Args:
        results: The study's tables.
    """
    trainings = _main_trainings(results)
    if trainings.empty:
        return {}
    table = comparison_tables(results)["comparison"]
    places = list(trainings.groupby(PLACE, sort=False))
    names = list(dict.fromkeys(trainings["contestant"]))
    colors = dict(zip(names, seaborn.color_palette("husl", len(names)), strict=True))
    # A row of a panel is as high as that of every other panel, whose labels below take as much as some rows.
    heights = [1.3 + 0.42 * group["contestant"].nunique() for _, group in places]
    points = new_figure(8.5, sum(heights))
    panels = points.subplots(len(places), 1, squeeze=False, height_ratios=heights).flat
    for axes, (place, group) in zip(panels, places, strict=True):
        _draw_points(axes, group, table, place, colors)
    costs = new_figure(8.5, 5.2 * len(places))
    for axes, (place, group) in zip(costs.subplots(len(places), 1, squeeze=False).flat, places, strict=True):
        data = group.assign(percent=100 * group["test_accuracy"], millions=group["multiply_adds"] / MILLION)
        seaborn.scatterplot(
            data, x="millions", y="percent", hue="contestant", style="contestant", palette=colors, s=70, ax=axes
        )
        axes.set(xlabel="multiply-adds of one image (millions)", ylabel="test accuracy (%)", title=_title(place))
        _fit_axis(axes, "y", data["percent"], data["millions"])
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return {"accuracy": points, "accuracy_over_multiply_adds": costs}


def _draw_points(axes, group: pd.DataFrame, table: pd.DataFrame, place: tuple, colors: dict) -> None:
    """Draws every training run as a point and each contestant's mean with its t interval as a bar."""
    names = list(dict.fromkeys(group["contestant"]))
    data = group.assign(percent=100 * group["test_accuracy"])
    # A swarm, because a strip spreads its points by random numbers without a seed. Points that find no place beside the
    # others lie on them, without a warning.
    seaborn.swarmplot(
        data, x="percent", y="contestant", order=names, hue="contestant", palette=colors, size=5, alpha=0.75,
        legend=False, ax=axes, warn_thresh=1,
    )  # fmt: skip
    own = table[(table[PLACE] == list(place)).all(axis=1)].set_index("contestant")
    for position, name in enumerate(names):
        row = own.loc[name]
        half_width = 0.0 if np.isnan(row["t_half_width"]) else row["t_half_width"]
        axes.errorbar(
            row["mean"], position + 0.28, xerr=half_width, fmt="D", color="black", markersize=4.5, capsize=3,
            linewidth=1.2,
        )  # fmt: skip
    if RANDOM in names:
        axes.axvline(own.loc[RANDOM, "mean"], color="0.6", linestyle="--", linewidth=1, zorder=0)
    # The interval of two values can be wider than all points together, but the points matter most.
    _fit_axis(axes, "x", data["percent"], data["contestant"].map(names.index))
    axes.set(
        xlabel="test accuracy (%): every training;\nbelow, the mean with its 95 % t interval, cut off at the edge",
        ylabel="",
        title=_title(place),
    )
    axes.grid(axis="x", alpha=0.3)


def _fit_axis(axes, axis: str, values: pd.Series, places: pd.Series) -> None:
    """Limits an axis to values that are near each other; arrows at its ends show the others.

    Args:
        axes: The axes, on which all values are drawn.
        axis: `x` or `y`.
        values: The values on this axis.
        places: Their places on the other axis.
    """
    lower, upper = values.quantile([0.25, 0.75])
    fence = OUTER_FENCE * (upper - lower)
    near = values[values.between(lower - fence, upper + fence)] if fence else values
    margin = 0.15 * (near.max() - near.min()) or 0.5
    low, high = near.min() - margin, near.max() + margin
    axes.set(**{f"{axis}lim": (low, high)})
    for value, place in zip(values, places, strict=True):
        if low <= value <= high:
            continue
        is_low = value < low
        arrow, end, inwards = (ARROWS[axis][0], low, 4) if is_low else (ARROWS[axis][1], high, -4)
        if axis == "x":
            point, offset, align = (end, place), (inwards, 0), {"ha": "left" if is_low else "right", "va": "center"}
        else:
            point, offset, align = (place, end), (0, inwards), {"ha": "center", "va": "bottom" if is_low else "top"}
        axes.annotate(f"{arrow} {value:.1f}", point, offset, textcoords="offset points", **align)


def _main_trainings(results: Results) -> pd.DataFrame:
    return results.trainings[results.trainings["role"].isin([FOUND, FIXED])]


def _searches_of(results: Results, keys: dict, name: str) -> pd.DataFrame:
    table = results.searches
    return table[
        (table["data_set"] == keys["data_set"]) & (table["scale"] == keys["scale"]) & (table["contestant"] == name)
    ]


def _row(
    name: str, group: pd.DataFrame, values: np.ndarray, random: np.ndarray | None, searches: pd.DataFrame
) -> dict[str, object]:
    summary = mean_with_intervals(values)
    is_found = not searches.empty
    cells = group.drop_duplicates("cell")
    return {
        "contestant": name,
        "sample_size": summary.sample_size,
        "trainings": len(group),
        "mean": summary.mean,
        "deviation": summary.deviation,
        "low": summary.low,
        "high": summary.high,
        "t_half_width": summary.t_half_width,
        "improvement": np.nan if random is None else relative_improvement(summary.mean, float(np.mean(random))),
        "picked": _picked_accuracy(group, searches) if is_found else np.nan,
        "parameters": cells["parameters"].mean() / MILLION,
        "multiply_adds": cells["multiply_adds"].mean() / MILLION,
        "search_seconds": searches["seconds"].mean() if is_found else np.nan,
        "skips": (searches["skip_normal"] + searches["skip_reduce"]).mean() if is_found else np.nan,
        "none_edges": searches["none_edges"].mean() if is_found else np.nan,
        "warnings": searches["warnings"].sum() if is_found else np.nan,
    }


def _picked_accuracy(group: pd.DataFrame, searches: pd.DataFrame) -> float:
    """Returns the mean test accuracy of the cell with the best validation accuracy, as the paper picks one of four."""
    known = searches.dropna(subset=["validation_accuracy"])
    if known.empty:
        return float("nan")
    best = known.loc[known["validation_accuracy"].idxmax(), "cell"]
    return float(100 * group.loc[group["cell"] == best, "test_accuracy"].mean())


def _noise_row(table: pd.DataFrame, values: dict[str, np.ndarray]) -> dict[str, object]:
    """Returns the deviations between runs of one cell, between cells of one method, and between methods' means."""
    percent = 100 * table["test_accuracy"]
    found = table["role"] == FOUND
    cell_means = table[found].groupby(["contestant", "cell"], sort=False)["test_accuracy"].mean() * 100
    owners = cell_means.index.get_level_values("contestant").to_series(index=cell_means.index)
    means = [float(np.mean(one)) for name, one in values.items() if name in set(table.loc[found, "contestant"])]
    return {
        "between_trainings": pooled_deviation(percent, table["cell"]),
        "between_cells": pooled_deviation(cell_means, owners),
        "between_methods": float(np.std(means, ddof=1)) if len(means) > 1 else np.nan,
    }


def _title(place: tuple) -> str:
    data_set, scale, training = place
    return ", ".join(part for part in (data_set, scale, training) if part)
