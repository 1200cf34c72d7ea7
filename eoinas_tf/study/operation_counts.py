"""On how many edges identity or `none` is the strongest operation, epoch by epoch: known failures of searches."""

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.study.gathered_results import Results

PANELS = {"skip_edges": "edges whose strongest operation is skip_connect", "none_edges": "edges where it is none"}


def count_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns both counts at a quarter, half, three quarters and the end of the search, as means over its seeds.

    Args:
        results: The study's tables.
    """
    rows = []
    for key, group in results.counts.groupby(["data_set", "scale", "contestant"], sort=False):
        last = int(group["epoch"].max())
        for quarter in (1, 2, 3, 4):
            epoch = max(1, last * quarter // 4)
            own = group[group["epoch"] == epoch]
            keys = dict(zip(("data_set", "scale", "contestant"), key, strict=True))
            rows.append(keys | {"epoch": epoch} | own[list(PANELS)].mean().to_dict())
    return {"operation_counts": pd.DataFrame(rows)}


def count_pictures(results: Results) -> dict[str, Figure]:
    """Returns the counts over the epochs: every search a thin line, each method's mean a thick one.

    Args:
        results: The study's tables.
    """
    pictures = {}
    for number, (place, group) in enumerate(results.counts.groupby(["data_set", "scale"], sort=False)):
        figure = new_figure(11.5, 4.2)
        for axes, (column, title) in zip(figure.subplots(1, 2, sharex=True), PANELS.items(), strict=True):
            is_last = column == "none_edges"
            options = {"x": "epoch", "y": column, "hue": "contestant", "ax": axes, "errorbar": None}
            seaborn.lineplot(group, units="cell", estimator=None, linewidth=0.7, alpha=0.5, legend=False, **options)
            seaborn.lineplot(group, linewidth=2.4, legend=is_last, **options)
            axes.set(title=title, ylabel="edges of both cells (of 28)")
            axes.grid(alpha=0.3)
            if is_last:
                axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
        figure.suptitle(", ".join(part for part in place if part))
        pictures[f"operation_counts{f'_{number + 1}' if number else ''}"] = figure
    return pictures
