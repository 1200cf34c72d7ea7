"""How the methods' beta is distributed over the operations of all edges: the paper's Figures 4 and 5."""

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.indicator_values import FIRST_DECISION

KEYS = ["data_set", "scale", "contestant"]
CELLS = {"normal": "normal cell", "reduce": "reduction cell"}


def distribution_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns the spread of beta and the mean distance of an edge's strongest operation from its second, by method.

    A method that drops nothing decides at its end, when beta has moved further: `epoch` says when, as a mean.

    Args:
        results: The study's tables.
    """
    table = _first_decisions(results)
    if table.empty:
        return {"weight_distribution": pd.DataFrame()}
    edge = [*KEYS, "cell", "cell_type", "edge"]
    strongest = table.sort_values("beta", ascending=False, kind="stable").groupby(edge, sort=False)["beta"].head(2)
    two = table.loc[strongest.index].groupby(edge)["beta"].agg(["max", "min"])
    gaps = two["max"] - two["min"]
    grouped = table.groupby(KEYS, sort=False)["beta"]
    rows = grouped.agg(["count", "std", "min", "max"]).add_prefix("beta_")
    rows["epoch"] = table.groupby(KEYS, sort=False)["epoch"].mean()
    rows["gap"] = gaps.groupby(level=KEYS).mean()
    return {"weight_distribution": rows.reset_index()}


def distribution_pictures(results: Results) -> dict[str, Figure]:
    """Returns the kernel density estimates of beta before the first drop, with every value as a tick below.

    Args:
        results: The study's tables.
    """
    table = _first_decisions(results)
    pictures = {}
    for number, (place, group) in enumerate(table.groupby(["data_set", "scale"], sort=False)):
        figure = new_figure(11.2, 4.2)
        names = list(dict.fromkeys(group["contestant"]))
        # The usual palette repeats its colours after the tenth.
        palette = "husl" if len(names) > len(seaborn.color_palette()) else None
        colors = dict(zip(names, seaborn.color_palette(palette, len(names)), strict=True))
        for axes, (cell, title) in zip(figure.subplots(1, 2, sharex=True), CELLS.items(), strict=True):
            own = group[group["cell_type"] == cell]
            # If all values are equal, there is no density.
            spread = own[own.groupby("contestant")["beta"].transform("nunique") > 1]
            if len(spread):
                seaborn.kdeplot(
                    spread, x="beta", hue="contestant", hue_order=names, palette=colors, common_norm=False, ax=axes,
                    legend=False,
                )  # fmt: skip
            # One row of ticks per method, like the paper's circles and crosses.
            height = 0.05 * axes.get_ylim()[1]
            for position, (name, color) in enumerate(colors.items()):
                values = own.loc[own["contestant"] == name, "beta"]
                level = [-(position + 1) * height] * len(values)
                epoch = group.loc[group["contestant"] == name, "epoch"].mean()
                axes.plot(values, level, "|", color=color, markersize=6, alpha=0.5, label=f"{name}, epoch {epoch:.3g}")
            axes.set(xlabel="beta of an operation at the first decision", ylabel="density", title=title)
            axes.grid(alpha=0.3)
            # Below zero are the values, not densities.
            axes.locator_params(axis="x", nbins=5)
            top = axes.get_ylim()[1]
            axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top])
        legend = axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
        for handle in legend.legend_handles:
            handle.set(alpha=1.0, markersize=12)
        figure.suptitle("Distribution of architecture weights: " + ", ".join(part for part in place if part))
        pictures[f"figure_5{f'_{number + 1}' if number else ''}"] = figure
    return pictures


def _first_decisions(results: Results) -> pd.DataFrame:
    return results.indicators[results.indicators["moment"] == FIRST_DECISION]
