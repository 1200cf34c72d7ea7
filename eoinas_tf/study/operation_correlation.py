"""How well beta and I rank the operations of an edge: the paper's Figures 1 and 2c."""

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.indicator_values import FIRST_DECISION
from eoinas_tf.study.planned_run import CANDIDATE
from eoinas_tf.study.study_statistics import (
    RankCorrelation,
    noise_ceiling,
    pooled_deviation,
    rank_correlation,
    tau_of_two_trainings,
)

KEYS = ["data_set", "scale", "training", "cell", "edge_cell", "edge"]
PANELS_IN_A_ROW = 3
INDICATORS = {
    "beta": "beta",
    "importance_epochs": "I (epochs)",
    "importance_relative": "I (relative)",
    "importance_steps": "I (steps)",
    "life": "order of the drops",
}


def correlation_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns each candidate's accuracy on one edge with its indicators, and Kendall's tau between them.

    The indicators are those of the first decision, the last moment at which all operations live, and the order in which
    the search dropped the operations.

    Args:
        results: The study's tables.
    """
    candidates, correlations = [], []
    for key, group in _candidates(results).groupby(KEYS, sort=False):
        keys = dict(zip(KEYS, key, strict=True))
        table = _with_indicators(results, keys, group)
        candidates.append(table.assign(**keys)[[*KEYS, *table.columns]])
        runs = group.assign(cell=group["label"])
        ceiling = noise_ceiling(runs, pooled_deviation(runs["test_accuracy"], runs["cell"]))
        for column, title in INDICATORS.items():
            correlations.append(keys | {"indicator": title} | rank_correlation(table["mean"], table[column])._asdict())
        twice = tau_of_two_trainings(runs)
        correlations.append(keys | {"indicator": "two trainings of the same cells"} | twice._asdict())
        correlations.append(keys | {"indicator": "noise ceiling (estimate)"} | ceiling._asdict())
    return {
        "candidates": pd.concat(candidates) if candidates else pd.DataFrame(),
        "candidate_correlations": pd.DataFrame(correlations),
    }


def correlation_pictures(results: Results) -> dict[str, Figure]:
    """Returns Figure 1 (accuracy over indicator, one panel each) and Figure 2c (ranks side by side).

    Args:
        results: The study's tables.
    """
    tables = correlation_tables(results)
    pictures = {}
    if tables["candidates"].empty:
        return {}
    for number, (key, table) in enumerate(tables["candidates"].groupby(KEYS, sort=False)):
        known = [column for column in INDICATORS if table[column].notna().any()]
        taus = tables["candidate_correlations"]
        taus = taus[(taus[KEYS] == list(key)).all(axis=1)].set_index("indicator")
        suffix = f"_{number + 1}" if number else ""
        *place, edge_cell, edge = key
        title = ", ".join([*filter(None, place), f"{edge_cell} cell, edge {edge}"])
        if not known:  # The cell is of a method that judges no operation.
            continue
        pictures[f"figure_1{suffix}"] = _draw_scatter(table, known, taus, title)
        pictures[f"figure_2c{suffix}"] = _draw_ranks(table, known, title)
    return pictures


def _candidates(results: Results) -> pd.DataFrame:
    return results.trainings[results.trainings["role"] == CANDIDATE]


def _with_indicators(results: Results, keys: dict, group: pd.DataFrame) -> pd.DataFrame:
    """Returns one row per candidate: its accuracies in percent, and the replaced edge's indicators."""
    percent = (100 * group["test_accuracy"]).groupby(group["label"], sort=False)
    accuracy = percent.agg(["mean", "min", "max", "count"])
    table = results.indicators
    is_own = (
        (table["data_set"] == keys["data_set"]) & (table["scale"] == keys["scale"]) & (table["cell"] == keys["cell"])
    )
    is_edge = (table["cell_type"] == keys["edge_cell"]) & (table["edge"] == keys["edge"])
    own = table[is_own & is_edge & (table["moment"] == FIRST_DECISION)].set_index("operation")
    return accuracy.join(own[list(INDICATORS)]).rename_axis("operation").reset_index()


def _draw_scatter(table: pd.DataFrame, columns: list[str], taus: pd.DataFrame, title: str) -> Figure:
    rows = -(-len(columns) // PANELS_IN_A_ROW)
    figure = new_figure(3.6 * PANELS_IN_A_ROW + 1.6, 3.6 * rows + 0.4)
    colors = dict(zip(table["operation"], seaborn.color_palette("tab10", len(table)), strict=True))
    panels = figure.subplots(rows, PANELS_IN_A_ROW, sharey=True, squeeze=False)
    for axes in panels.flat[len(columns) :]:
        axes.set_visible(False)
    for axes, column in zip(panels.flat, columns, strict=False):
        for _, row in table.iterrows():
            axes.errorbar(
                row[column], row["mean"], yerr=[[row["mean"] - row["min"]], [row["max"] - row["mean"]]], fmt="o",
                color=colors[row["operation"]], capsize=3, label=row["operation"],
            )  # fmt: skip
        tau = RankCorrelation(*taus.loc[INDICATORS[column], list(RankCorrelation._fields)])
        axes.set(xlabel=INDICATORS[column])
        axes.set_title(tau.text(), fontsize=10)
        axes.grid(alpha=0.3)
    for axes in panels[:, 0]:
        axes.set_ylabel("test accuracy with this operation (%)")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    figure.suptitle(f"Stand-alone accuracy and indicators of one edge's candidates\n{title}", fontsize=10)
    return figure


def _draw_ranks(table: pd.DataFrame, columns: list[str], title: str) -> Figure:
    """Draws a line per operation through its ranks by each indicator and by accuracy; crossing lines are errors."""
    sides = ["mean", *columns]
    ranks = table[sides].rank(ascending=False, method="first")
    figure = new_figure(2.1 * len(sides) + 2.4, 4.8)
    axes = figure.subplots()
    colors = seaborn.color_palette("tab10", len(table))
    for (_, row), operation, color in zip(ranks.iterrows(), table["operation"], colors, strict=True):
        axes.plot(range(len(sides)), row[sides], marker="o", markersize=13, color=color, linewidth=2)
        for position, side in enumerate(sides):
            axes.annotate(
                f"{row[side]:.0f}", (position, row[side]), ha="center", va="center", color="white", fontsize=8
            )
        axes.annotate(operation, (-0.12, row["mean"]), ha="right", va="center", color=color)
    axes.set_xlim(-1.15, len(sides) - 0.6)
    axes.set_xticks(range(len(sides)), ["stand-alone\naccuracy", *(INDICATORS[column] for column in columns)])
    axes.invert_yaxis()
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    figure.suptitle(f"Ranks of one edge's candidates\n{title}", fontsize=10)
    return figure
