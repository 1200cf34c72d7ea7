"""What the importance does that beta alone, or a bonus for exploration, does not: how often they drop the same."""

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.study.decision_rules import BY_BETA, BY_BONUS, BY_BOTH, BY_CHANCE, RULES, VARIATIONS
from eoinas_tf.study.gathered_results import PLACE, Results

KEYS = [*PLACE, "contestant"]
RULE_TEXTS = {
    BY_BETA: "beta alone",
    BY_BONUS: "the bonus alone",
    BY_BOTH: "beta and the bonus",
    BY_CHANCE: "chance",
}


def decision_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns the percentages of the drops by I that other rules make too, and how much Ca and Ce vary, by method.

    Args:
        results: The study's tables.
    """
    table = results.decisions
    if table.empty:
        return {"decision_agreement": pd.DataFrame()}
    # Every drop counts the same.
    weighted = table.assign(**{name: table[name] * table["edges"] for name in VARIATIONS})
    grouped = weighted.groupby(KEYS, sort=False)
    sums = grouped[["edges", *RULES, *VARIATIONS]].sum()
    percentages = sums[[*RULES, *VARIATIONS]].mul(100).div(sums["edges"], axis=0)
    searches = grouped["cell"].nunique().rename("searches")
    return {"decision_agreement": pd.concat([searches, sums["edges"], percentages], axis=1).reset_index()}


def decision_pictures(results: Results) -> dict[str, Figure]:
    """Returns the percentages drop by drop: a panel for each method, a line for each rule, a band over the searches.

    Args:
        results: The study's tables.
    """
    pictures = {}
    for number, (place, group) in enumerate(results.decisions.groupby(PLACE, sort=False)):
        names = list(dict.fromkeys(group["contestant"]))
        long = group.melt([*KEYS, "cell", "epoch", "edges"], list(RULES), "rule", "count")
        long = long.assign(share=100 * long["count"] / long["edges"], rule=long["rule"].map(RULE_TEXTS))
        figure = new_figure(2.9 * len(names) + 2.6, 3.8)
        panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, names, strict=True):
            own = long[long["contestant"] == name]
            seaborn.lineplot(
                own, x="epoch", y="share", hue="rule", style="rule", markers=True, dashes=False, errorbar=("pi", 100),
                legend=axes is panels[-1], ax=axes,
            )  # fmt: skip
            axes.set(title=name, xlabel="epoch of the drop", ylabel="same drop as by I (%)", ylim=(0, 104))
            axes.set_xticks(sorted(set(own["epoch"])))
            axes.grid(alpha=0.3)
        panels[-1].legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, title="the lowest by")
        figure.suptitle(", ".join(part for part in place if part))
        pictures[f"decision_agreement{f'_{number + 1}' if number else ''}"] = figure
    return pictures
