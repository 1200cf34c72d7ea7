"""Accuracy of cells that were derived in other ways: over the drops, and with edges ranked in four ways."""

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.study.edge_rankings import AT_END, RANKING_NAMES, RANKINGS
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.study_file import RANDOM
from eoinas_tf.study.study_statistics import independent_accuracies, mean_with_intervals

KEYS = ["data_set", "scale", "training"]
ALL_METHODS = "all methods"


def drop_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns the test accuracy of the cells derived after each drop, as means over searches, by method.

    A search some of whose cells are not trained yet is left out, so that all means are those of the same searches.

    Args:
        results: The study's tables.
    """
    table = _whole_searches(results, "drops")
    rows = []
    for key, group in table.groupby([*KEYS, "contestant", "drops"]):
        summary = mean_with_intervals(group["percent"])
        rows.append(dict(zip([*KEYS, "contestant", "drops"], key, strict=True)) | summary._asdict())
    return {"drops": pd.DataFrame(rows)}


def drop_pictures(results: Results) -> dict[str, Figure]:
    """Returns accuracy over the drops, one line per search; random cells' mean as a dashed line.

    Args:
        results: The study's tables.
    """
    pictures = {}
    for number, (key, group) in enumerate(_whole_searches(results, "drops").groupby(KEYS, sort=False)):
        figure = new_figure(8.2, 4.6)
        axes = figure.subplots()
        seaborn.lineplot(
            group,
            x="drops",
            y="percent",
            hue="contestant",
            units="cell",
            estimator=None,
            marker="o",
            errorbar=None,
            ax=axes,
        )
        random = results.trainings
        random = random[(random[KEYS] == list(key)).all(axis=1) & (random["contestant"] == RANDOM)]
        if len(random):
            mean = independent_accuracies(random).mean()
            axes.axhline(mean, color="0.5", linestyle="--", label="random cells, mean")
        axes.set(
            xlabel="drops behind the derived cell (0: the scores of the first decision)", ylabel="test accuracy (%)",
            title=", ".join(part for part in key if part),
        )  # fmt: skip
        axes.set_xticks(sorted(set(group["drops"])))
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
        pictures[f"drops{f'_{number + 1}' if number else ''}"] = figure
    return pictures


def ranking_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns what each other way of ranking edges gains over the scores at the end, by method and over all of them.

    Differences are taken within each search, because its cells have the same operations: a search counts for a ranking
    if both cells are trained.

    Args:
        results: The study's tables.
    """
    pairs = _paired_rankings(results)
    rows = []
    for key, group in pairs.groupby(KEYS, sort=False):
        methods = list(group.groupby("contestant", sort=False))
        for contestant, own in [*methods, (ALL_METHODS, group)] if len(methods) > 1 else methods:
            for label in RANKINGS:
                one = own[own["label"] == label]
                if one.empty:
                    continue
                difference = mean_with_intervals(one["percent"] - one["at_end"])
                rows.append(
                    dict(zip(KEYS, key, strict=True))
                    | {"contestant": contestant, "ranking": label, "sample_size": len(one)}
                    | {"at_end": one["at_end"].mean(), "mean": one["percent"].mean()}
                    | {"difference": difference.mean, "deviation": difference.deviation}
                    | {"t_half_width": difference.t_half_width}
                )
    return {"edge_rankings": pd.DataFrame(rows)}


def ranking_pictures(results: Results) -> dict[str, Figure]:
    """Returns the accuracies by ranking, one line per search, so that values of the same search stay together.

    Args:
        results: The study's tables.
    """
    pictures = {}
    table = _trainings(results, "edge_rankings")
    searches = [*KEYS, "contestant", "cell"]  # A cell of the same name may be there at another scale.
    paired = pd.MultiIndex.from_frame(_paired_rankings(results)[searches])
    with_pairs = pd.MultiIndex.from_frame(table[searches]).isin(paired)
    for number, (key, group) in enumerate(table[with_pairs].groupby(KEYS, sort=False)):
        names = [name for name in RANKING_NAMES if name in set(group["label"])]
        data = group.assign(position=group["label"].map(names.index))
        figure = new_figure(9, 4.6)
        axes = figure.subplots()
        seaborn.lineplot(
            data, x="position", y="percent", hue="contestant", units="cell", estimator=None, marker="o", alpha=0.7,
            errorbar=None, ax=axes,
        )  # fmt: skip
        axes.set_xticks(range(len(names)), [name.replace(" at ", "\nat ") for name in names])
        axes.set(xlabel="edges ranked by", ylabel="test accuracy (%)", title=", ".join(part for part in key if part))
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
        pictures[f"edge_rankings{f'_{number + 1}' if number else ''}"] = figure
    return pictures


def _paired_rankings(results: Results) -> pd.DataFrame:
    """Returns the accuracies by each ranking but the scores at the end, whose accuracy stands beside, by search."""
    table = _trainings(results, "edge_rankings")
    search = [*KEYS, "contestant", "cell"]
    own = table.loc[table["label"] == AT_END, [*search, "percent"]].rename(columns={"percent": "at_end"})
    return table[table["label"] != AT_END].merge(own, on=search)


def _whole_searches(results: Results, role: str) -> pd.DataFrame:
    """Returns the accuracies of the searches of which every cell is trained that any search of their method has."""
    table = _trainings(results, role)
    method = [*KEYS, "contestant"]
    cells_of = lambda keys: table.groupby(keys)["label"].transform("nunique")  # noqa: E731
    return table[cells_of([*method, "cell"]) == cells_of(method)]


def _trainings(results: Results, role: str) -> pd.DataFrame:
    table = results.trainings[results.trainings["role"] == role]
    table = table.assign(percent=100 * table["test_accuracy"].astype(float))
    means = table.groupby([*KEYS, "contestant", "cell", "label"], sort=False)["percent"].mean().reset_index()
    return means.assign(drops=pd.to_numeric(means["label"], errors="coerce"))
