"""Whether two recipes rank the same cells in the same way: for example, whether few epochs predict many."""

import itertools

import pandas as pd
from matplotlib.figure import Figure

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.planned_run import FIXED, FOUND
from eoinas_tf.study.study_statistics import rank_correlation, tau_of_two_trainings

PLACE = ["data_set", "scale"]


def agreement_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns Kendall's tau between the recipes of a scale, over the cells that both trained.

    Beside it stands the tau of two training runs by one recipe, over those of these cells that have two.

    Args:
        results: The study's tables.
    """
    rows = []
    for keys, table, means in _places(results):
        for first, second in itertools.combinations(means.columns, 2):
            rows.append(
                keys | {"first": first, "second": second} | rank_correlation(means[first], means[second])._asdict()
            )
        in_several = means.index[means.notna().sum(axis=1) > 1]
        compared = table[table["cell"].isin(in_several)]
        for name in means.columns if len(means.columns) > 1 else ():
            twice = tau_of_two_trainings(compared[compared["training"] == name])
            rows.append(keys | {"first": name, "second": "itself: two trainings"} | twice._asdict())
    return {"recipe_agreement": pd.DataFrame(rows)}


def agreement_pictures(results: Results) -> dict[str, Figure]:
    """Returns the accuracies of each pair of recipes, one point per cell.

    Args:
        results: The study's tables.
    """
    pictures: dict[str, Figure] = {}
    for keys, _, means in _places(results):
        for first, second in itertools.combinations(means.columns, 2):
            both = means[[first, second]].dropna()
            if len(both) < 2:
                continue
            figure = new_figure(5.4, 4.8)
            axes = figure.subplots()
            axes.scatter(both[first], both[second])
            tau = rank_correlation(both[first], both[second])
            axes.set(xlabel=f"test accuracy (%), {first}", ylabel=f"test accuracy (%), {second}")
            axes.set_title(f"{', '.join(filter(None, keys.values()))}: {tau.text()}")
            axes.grid(alpha=0.3)
            pictures[f"recipe_agreement{f'_{len(pictures) + 1}' if pictures else ''}"] = figure
    return pictures


def _places(results: Results):
    """Yields for each data set and scale its keys, its training runs, and their mean accuracies [cells, recipes]."""
    main = results.trainings[results.trainings["role"].isin([FOUND, FIXED])]
    for key, table in main.groupby(PLACE, sort=False):
        means = 100 * table.pivot_table(index="cell", columns="training", values="test_accuracy", sort=False)
        yield dict(zip(PLACE, key, strict=True)), table, means
