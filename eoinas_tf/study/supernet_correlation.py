"""Whether a cell's accuracy in the super network predicts its accuracy when trained alone."""

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.planned_run import FIXED, FOUND
from eoinas_tf.study.study_statistics import (
    noise_ceiling,
    pooled_deviation,
    rank_correlation,
    tau_of_two_trainings,
)

KEYS = ["data_set", "scale", "training"]


def supernet_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns Kendall's tau between both accuracies over all found cells and over each method's.

    Beside it stand, of the same cells, the tau of two training runs, and what a perfect score would reach. The noise
    between training runs is that of all cells and networks that were trained several times by the same recipe.

    Args:
        results: The study's tables.
    """
    rows = []
    cells = _cells(results)
    for key, group in cells.groupby(KEYS, sort=False):
        keys = dict(zip(KEYS, key, strict=True))
        for name, own in [("all methods", group), *group.groupby("contestant", sort=False)]:
            tau = rank_correlation(own["validation_accuracy"], own["test_accuracy"])
            rows.append(keys | {"cells": name} | tau._asdict())
        main = results.trainings[results.trainings["role"].isin([FOUND, FIXED])]
        own_trainings = main[(main[KEYS] == list(key)).all(axis=1)]
        deviation = pooled_deviation(own_trainings["test_accuracy"], own_trainings["cell"])
        ranked = own_trainings[own_trainings["cell"].isin(group["cell"])]
        rows.append(keys | {"cells": "two trainings of the same cells"} | tau_of_two_trainings(ranked)._asdict())
        rows.append(keys | {"cells": "noise ceiling (estimate)"} | noise_ceiling(ranked, deviation)._asdict())
    return {"supernet_correlation": pd.DataFrame(rows)}


def supernet_pictures(results: Results) -> dict[str, Figure]:
    """Returns stand-alone accuracy over the accuracy in the super network, one point per cell.

    Args:
        results: The study's tables.
    """
    pictures = {}
    for number, (key, group) in enumerate(_cells(results).groupby(KEYS, sort=False)):
        figure = new_figure(7.8, 5)
        axes = figure.subplots()
        data = group.assign(test=100 * group["test_accuracy"], validation=100 * group["validation_accuracy"])
        seaborn.scatterplot(data, x="validation", y="test", hue="contestant", style="contestant", s=80, ax=axes)
        tau = rank_correlation(group["validation_accuracy"], group["test_accuracy"])
        axes.set(
            xlabel="validation accuracy in its own super network (%)", ylabel="test accuracy, trained alone (%)",
            title=f"{', '.join(part for part in key if part)}: {tau.text()}",
        )  # fmt: skip
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
        pictures[f"supernet_correlation{f'_{number + 1}' if number else ''}"] = figure
    return pictures


def _cells(results: Results) -> pd.DataFrame:
    """Returns one row per found cell and recipe, with both accuracies; the stand-alone one is a mean over runs."""
    found = results.trainings[results.trainings["role"] == FOUND]
    keys = [*KEYS, "contestant", "cell"]
    means = found.groupby(keys, sort=False)["test_accuracy"].mean().reset_index()
    searches = results.searches[["data_set", "scale", "cell", "validation_accuracy"]]
    return means.merge(searches, on=["data_set", "scale", "cell"]).dropna(subset=["validation_accuracy"])
