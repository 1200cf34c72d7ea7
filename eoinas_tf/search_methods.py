"""The registry of search methods: a line each. Loads no method and no TensorFlow."""

from typing import NamedTuple

GRADIENT_SETTINGS = (
    "architecture_learning_rate",
    "architecture_beta_1",
    "architecture_beta_2",
    "architecture_l2",
)
GUMBEL_SETTINGS = ("temperature_start", "temperature_end")
PRUNING_SETTINGS = ("pruning_after_epoch", "pruning_every_epochs")
IMPORTANCE_SETTINGS = ("importance_weight", "importance_iterations")


class MethodEntry(NamedTuple):
    """How a method is found.

    Args:
        path: Module and class, `package.module:Class`.
        settings: The settings of `SearchConfig` that belong to methods, and that this one has.
        summary: What it does, for `--help`.
        trains: Whether it trains a super network, whose accuracy ranks the cells that different seeds find.
    """

    path: str
    settings: tuple[str, ...]
    summary: str
    trains: bool = True


_FOLDER = "eoinas_tf.search.methods"
SEARCH_METHODS: dict[str, MethodEntry] = {
    "eoinas": MethodEntry(
        f"{_FOLDER}.eoinas:Eoinas",
        (*GRADIENT_SETTINGS, *GUMBEL_SETTINGS, *PRUNING_SETTINGS, *IMPORTANCE_SETTINGS),
        "samples one operation an edge and drops the least important one step by step (the paper's method)",
    ),
    "gdas_pruning": MethodEntry(
        f"{_FOLDER}.gdas_pruning:GdasPruning",
        (*GRADIENT_SETTINGS, *GUMBEL_SETTINGS, *PRUNING_SETTINGS),
        "the same, judged by the architecture weights alone",
    ),
    "gdas": MethodEntry(
        f"{_FOLDER}.gdas:Gdas", (*GRADIENT_SETTINGS, *GUMBEL_SETTINGS), "the same without dropping anything"
    ),
    "mdenas": MethodEntry(
        f"{_FOLDER}.mdenas:Mdenas",
        ("probability_learning_rate",),
        "samples one operation an edge and epoch; probabilities move by comparing epochs and accuracies of pairs",
    ),
    "random_search": MethodEntry(
        f"{_FOLDER}.random_search:RandomSearch",
        ("random_search_cells",),
        "trains uniform samples and keeps the best of many random cells by their accuracy on the validation half",
    ),
    "random": MethodEntry(
        f"{_FOLDER}.random_cell:RandomCell", (), "draws a cell and trains nothing: the baseline", trains=False
    ),
}


def methods_with(setting: str) -> tuple[str, ...]:
    """Returns the names of the methods that have a setting.

    Args:
        setting: Name of a setting that belongs to methods.
    """
    return tuple(name for name, entry in SEARCH_METHODS.items() if setting in entry.settings)
