"""Whether a study at one scale predicts another: the same cells and networks, and the methods, ranked at both."""

import itertools
import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.planned_run import FIXED, FOUND
from eoinas_tf.study.study_statistics import (
    RankCorrelation,
    agreement_ceiling,
    independent_accuracies,
    pooled_deviation,
    rank_correlation,
)

RECIPE = ["scale", "training"]
FEWEST = 3


class RecipeOfScale(NamedTuple):
    """The training runs by one recipe at one scale.

    Args:
        name: Scale and recipe.
        trainings: One row per training run; `cell` is equal for equal cells of all scales.
        deviation: Standard deviation between training runs of one cell, as a fraction.
        degrees: Degrees of freedom of the deviation: training runs beyond the first of each cell.
        method_means: Mean accuracy in percent of each contestant with cells of its own, random ones included.
    """

    name: str
    trainings: pd.DataFrame
    deviation: float
    degrees: int
    method_means: pd.Series


class Compared(NamedTuple):
    """What is ranked at two scales.

    Args:
        name: What it is.
        accuracies: Mean test accuracies in percent, [compared, 2].
        kinds: The contestant of each.
        ceiling: The tau that noise between training runs leaves, or NaN if that is unknown.
        degrees: Degrees of freedom of the noise, of the scale that has fewer.
    """

    name: str
    accuracies: np.ndarray
    kinds: list[str]
    ceiling: float = float("nan")
    degrees: float = float("nan")

    def correlation(self) -> RankCorrelation:
        """Returns the tau of both columns."""
        return rank_correlation(*self.accuracies.T)


def scale_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns Kendall's tau between each two scales, over what was trained at both, with its noise ceiling.

    A random cell is the same at both scales if its genotype is, a given cell or network if its name is. The last row of
    each pair ranks the methods, and the random cells, by their means. The noise ceiling assumes that accuracies are
    normally distributed; so it is left out where cells stand beside networks far worse than them.

    Args:
        results: The study's tables.
    """
    rows = []
    for data_set, first, second, parts in _pairs(results):
        keys = {"data_set": data_set, "first": first, "second": second}
        for part in parts:
            figures = part.correlation()._asdict() | {"ceiling": part.ceiling, "noise_degrees": part.degrees}
            rows.append(keys | {"compared": part.name} | figures)
    return {"scale_agreement": pd.DataFrame(rows)}


def scale_pictures(results: Results) -> dict[str, Figure]:
    """Returns the accuracies at each two scales, one point per cell, network or method.

    Args:
        results: The study's tables.
    """
    pictures: dict[str, Figure] = {}
    for data_set, first, second, parts in _pairs(results):
        figure = new_figure(4.6 * len(parts), 4.6)
        for axes, part in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
            x, y = part.accuracies.T
            several = len(set(part.kinds)) > 1
            seaborn.scatterplot(x=x, y=y, hue=part.kinds, style=part.kinds, s=70, legend=several, ax=axes)
            axes.set(xlabel=f"test accuracy (%), {first}", ylabel=f"test accuracy (%), {second}")
            axes.set_title(f"{part.name}\n{part.correlation().text()}", fontsize=10)
            axes.grid(alpha=0.3)
            if several:
                axes.legend(fontsize=8)
        if data_set:
            figure.suptitle(data_set)
        pictures[f"scale_agreement{f'_{len(pictures) + 1}' if pictures else ''}"] = figure
    return pictures


def _compared(first: RecipeOfScale, second: RecipeOfScale) -> list[Compared]:
    """Returns all shared cells and networks, those of each contestant that shares several cells, and the methods."""
    shared = first.trainings[first.trainings["cell"].isin(second.trainings["cell"])]
    parts = []
    if shared["cell"].nunique() > 1:
        parts.append(Compared("all cells and networks", *_means_and_kinds(shared, second)))
    degrees = min(first.degrees, second.degrees)
    for name, own in shared.groupby("contestant", sort=False):
        if own["cell"].nunique() >= FEWEST:
            other = second.trainings[second.trainings["cell"].isin(own["cell"])]
            ceiling = agreement_ceiling((own, first.deviation), (other, second.deviation))
            parts.append(Compared(f"{name} cells", *_means_and_kinds(own, second), ceiling, degrees))
    methods = pd.concat([first.method_means, second.method_means], axis=1, join="inner")
    if len(methods) >= FEWEST:
        parts.append(Compared("means of the methods", methods.to_numpy(), methods.index.tolist()))
    return parts


def _means_and_kinds(own: pd.DataFrame, second: RecipeOfScale) -> tuple[np.ndarray, list[str]]:
    """Returns the mean accuracies in percent at both scales, [compared, 2], and the contestant of each."""
    other = second.trainings[second.trainings["cell"].isin(own["cell"])]
    both = pd.concat([_percent_by_cell(own), _percent_by_cell(other)], axis=1)
    return both.to_numpy(), own.groupby("cell", sort=False)["contestant"].first().tolist()


def _percent_by_cell(trainings: pd.DataFrame) -> pd.Series:
    return 100 * trainings.groupby("cell", sort=False)["test_accuracy"].mean()


def _pairs(results: Results) -> Iterator[tuple[str, str, str, list[Compared]]]:
    """Yields the data set, each two recipes of different scales, and what both have in common to rank."""
    searches = results.searches.drop_duplicates(["data_set", "scale", "cell"])
    runs = results.trainings[results.trainings["role"].isin([FOUND, FIXED])]
    runs = runs.merge(searches[["data_set", "scale", "cell", "genotype"]], how="left", on=["data_set", "scale", "cell"])
    # The samples of a method are its searches, even if two of them found the same cell.
    means = {place: _method_means(rows) for place, rows in runs.groupby(["data_set", *RECIPE], sort=False)}
    runs["cell"] = [
        cell if role == FIXED else json.dumps(json.loads(genotype), sort_keys=True) if genotype else None
        for cell, role, genotype in zip(runs["cell"], runs["role"], runs["genotype"].fillna(""), strict=True)
    ]
    # Searches that found the same cell trained it with the same seed to the same bits.
    runs = runs.dropna(subset=["cell"]).drop_duplicates(["data_set", *RECIPE, "contestant", "cell", "training_seed"])
    for data_set, own in runs.groupby("data_set", sort=False):
        recipes = [
            (scale, RecipeOfScale(f"{scale}, {name}", rows, *_noise(rows), means[data_set, scale, name]))
            for (scale, name), rows in own.groupby(RECIPE, sort=False)
        ]
        for (first_scale, first), (second_scale, second) in itertools.combinations(recipes, 2):
            parts = _compared(first, second) if first_scale != second_scale else []
            if parts:
                yield str(data_set), first.name, second.name, parts


def _method_means(trainings: pd.DataFrame) -> pd.Series:
    """Returns the mean accuracy in percent of each contestant with cells of its own."""
    found = trainings[trainings["role"] == FOUND].groupby("contestant", sort=False)
    return pd.Series({name: independent_accuracies(rows).mean() for name, rows in found}, dtype=float)


def _noise(trainings: pd.DataFrame) -> tuple[float, int]:
    """Returns the standard deviation between training runs of the same cell, and its degrees of freedom."""
    runs = trainings.drop_duplicates(["cell", "training_seed"])
    return pooled_deviation(runs["test_accuracy"], runs["cell"]), len(runs) - runs["cell"].nunique()
