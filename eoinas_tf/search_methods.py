"""The registry of search methods, one line each. Loads no method and no TensorFlow."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

WARMUP_SETTINGS = ("warmup_epochs",)
GRADIENT_SETTINGS = (
    "architecture_learning_rate",
    "architecture_beta_1",
    "architecture_beta_2",
    "architecture_l2",
)
GUMBEL_SETTINGS = ("temperature_start", "temperature_end")
PRUNING_SETTINGS = ("pruning_after_epoch", "pruning_every_epochs")
RANKING_SETTINGS = ("edge_ranking",)
IMPORTANCE_SETTINGS = ("importance_weight", "importance_iterations")
STAGE_SETTINGS = ("stage_warmup", "depth_growth", "operations_kept", "skip_dropout")


class MethodEntry(NamedTuple):
    """Where a method is found, and what it needs.

    Args:
        path: Module and class, `package.module:Class`.
        settings: The method settings of `SearchConfig` that this method has.
        summary: What it does, for `--help`.
        defaults: Default values of its settings that differ from most methods'.
        trains: Whether it trains a super network, whose accuracy ranks the cells that different seeds find.
    """

    path: str
    settings: tuple[str, ...]
    summary: str
    defaults: Mapping[str, Any] = MappingProxyType({})
    trains: bool = True


_FOLDER = "eoinas_tf.search.methods"
SEARCH_METHODS: dict[str, MethodEntry] = {
    "eoinas": MethodEntry(
        f"{_FOLDER}.eoinas:Eoinas",
        (
            *WARMUP_SETTINGS,
            *GRADIENT_SETTINGS,
            *GUMBEL_SETTINGS,
            *PRUNING_SETTINGS,
            *RANKING_SETTINGS,
            *IMPORTANCE_SETTINGS,
        ),
        "samples one operation an edge and drops the least important one step by step (the paper's method)",
    ),
    "gdas_pruning": MethodEntry(
        f"{_FOLDER}.gdas_pruning:GdasPruning",
        (*WARMUP_SETTINGS, *GRADIENT_SETTINGS, *GUMBEL_SETTINGS, *PRUNING_SETTINGS, *RANKING_SETTINGS),
        "the same, judged by the architecture weights alone",
    ),
    "gdas": MethodEntry(
        f"{_FOLDER}.gdas:Gdas",
        (*WARMUP_SETTINGS, *GRADIENT_SETTINGS, *GUMBEL_SETTINGS),
        "the same without dropping anything",
    ),
    "snas": MethodEntry(
        f"{_FOLDER}.snas:Snas",
        (*WARMUP_SETTINGS, *GRADIENT_SETTINGS, *GUMBEL_SETTINGS),
        "weighs all operations by a relaxed sample; weights and alpha descend one training loss together",
    ),
    "darts": MethodEntry(
        f"{_FOLDER}.darts:Darts",
        (*WARMUP_SETTINGS, *GRADIENT_SETTINGS),
        "weighs all operations by the softmax of alpha (first order)",
    ),
    "darts_second_order": MethodEntry(
        f"{_FOLDER}.darts_second_order:DartsSecondOrder",
        (*WARMUP_SETTINGS, *GRADIENT_SETTINGS),
        "the same, differentiated through one virtual step of the weights",
    ),
    "pdarts": MethodEntry(
        f"{_FOLDER}.pdarts:PDarts",
        (*GRADIENT_SETTINGS, *STAGE_SETTINGS),
        "weighs all operations of an edge by softmax, in three stages of deeper networks with fewer operations",
        MappingProxyType({"architecture_learning_rate": 6e-4, "max_skip_connections": 2}),
    ),
    "mdenas": MethodEntry(
        f"{_FOLDER}.mdenas:Mdenas",
        (*WARMUP_SETTINGS, "probability_learning_rate"),
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
        setting: Name of a setting that only some methods have.
    """
    return tuple(name for name, entry in SEARCH_METHODS.items() if setting in entry.settings)
