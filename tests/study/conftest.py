"""Results as a study would have gathered them, made up: accuracies are given, not measured."""

import json

import numpy as np
import pandas as pd
import pytest

from eoinas_tf.space.cell_topology import CELL_TYPES, EDGES
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import NONE, OPERATION_NAMES
from eoinas_tf.study.edge_rankings import RANKING_NAMES
from eoinas_tf.study.gathered_results import COLUMNS, Results

PLACE = {"data_set": "", "scale": "main"}
METHODS = {"eoinas": [0.80, 0.82, 0.84], "gdas": [0.78, 0.80, 0.79], "random": [0.70, 0.80, 0.75, 0.75]}
# By training seed.
FIXED = {"DARTS_V2": [0.81, 0.83], "residual network": [0.77]}
PAIRS = tuple((name, position // 2) for position, name in enumerate([*OPERATION_NAMES[1:], "sep_conv_3x3"]))
GENOTYPE = Genotype(PAIRS, (2, 3, 4, 5), PAIRS, (2, 3, 4, 5))


def genotype(number):
    """Returns one of 25 genotypes of the same operations."""
    normal, reduce = ((*PAIRS[:-1], (PAIRS[-1][0], node)) for node in divmod(number, 5))
    return Genotype(normal, (2, 3, 4, 5), reduce, (2, 3, 4, 5))


def training(contestant, cell, accuracy, **others):
    row = {
        "training": "short", "role": "found", "label": "", "contestant": contestant, "cell": cell,
        "training_seed": 0, "test_accuracy": accuracy, "test_top_5_accuracy": 0.99, "parameters": 250_000,
        "multiply_adds": 6_000_000 + 1e6 * accuracy, "init_channels": 16, "epochs": 5, "seconds": 200.0,
    }  # fmt: skip
    return PLACE | row | others


def made_up_trainings():
    rows = []
    for name, accuracies in METHODS.items():
        for seed, accuracy in enumerate(accuracies):
            rows.append(training(name, f"{name}/{seed}", accuracy, search_seed=seed))
            long = training(name, f"{name}/{seed}", accuracy + 0.1, search_seed=seed, training="long")
            rows.append(long)
    rows.append(training("eoinas", "eoinas/0", 0.78, search_seed=0, training_seed=1))
    for name, accuracies in FIXED.items():
        for seed, accuracy in enumerate(accuracies):
            rows.append(training(name, name, accuracy, role="fixed", training_seed=seed))
    for position, operation in enumerate(OPERATION_NAMES[1:]):
        for seed in (0, 1):
            accuracy = 0.70 + 0.01 * position + 0.004 * seed * (-1) ** position
            own = {"role": "candidates", "label": operation, "training_seed": seed, "edge_cell": "normal", "edge": 0}
            rows.append(training("eoinas", "eoinas/0", accuracy, search_seed=0, **own))
    for seed in (0, 1):
        for drops in range(8):
            own = {"role": "drops", "label": str(drops), "search_seed": seed}
            rows.append(training("eoinas", f"eoinas/{seed}", 0.75 + 0.01 * drops + 0.02 * seed, **own))
        for position, ranking in enumerate(RANKING_NAMES):
            own = {"role": "edge_rankings", "label": ranking, "search_seed": seed}
            rows.append(training("eoinas", f"eoinas/{seed}", 0.80 - 0.01 * position + 0.02 * seed, **own))
    return rows


def made_up_searches():
    rows, counts, indicators = [], [], []
    generator = np.random.default_rng(1)
    for name, accuracies in METHODS.items():
        for seed, accuracy in enumerate(accuracies):
            place = PLACE | {"contestant": name, "cell": f"{name}/{seed}"}
            rows.append(
                place
                | {"seed": seed, "validation_accuracy": None if name == "random" else accuracy - 0.1 * seed}
                | {"seconds": 100.0 + seed, "epochs": 8, "drops": 7, "skip_normal": seed, "skip_reduce": 1}
                | {"none_edges": 2, "warnings": seed, "genotype": json.dumps(json.loads(genotype(len(rows)).to_json()))}
            )
            if name == "random":
                continue
            for epoch in range(1, 9):
                counts.append(place | {"epoch": epoch, "skip_edges": epoch + seed, "none_edges": epoch // 2})
            for cell_type in CELL_TYPES:
                for edge in EDGES:
                    beta = generator.dirichlet(np.full(8, 60.0 if name == "eoinas" else 20.0))
                    for position, operation in enumerate(OPERATION_NAMES):
                        values = {"beta": beta[position], "importance": beta[position] + 0.01}
                        if cell_type == "normal" and edge.index == 0 and operation != NONE:
                            values = {"beta": 0.1 + 0.01 * position, "importance": 0.2 - 0.01 * position}
                        indicators.append(
                            place
                            | {"moment": "first decision", "epoch": 2, "cell_type": cell_type, "edge": edge.index}
                            | {"operation": operation, **values, "importance_epochs": values["importance"]}
                            | {"importance_relative": values["importance"], "importance_steps": values["beta"]}
                            | {"life": position + 2}
                        )
    return rows, counts, indicators


def made_up_decisions():
    """Three searches of two drops; twice as many edges lose an operation in the second drop."""
    return [
        PLACE
        | {"contestant": "eoinas", "cell": f"eoinas/{seed}", "epoch": 2 * drop, "edges": 10 * drop}
        | {"by_beta": 2.0 * drop, "by_bonus": 3.0 + seed, "by_both": 9.0 * drop, "by_chance": 1.25 * drop}
        | {"accuracy_variation": 0.03, "iterations_variation": 0.1 * drop}
        for seed in range(3)
        for drop in (1, 2)
    ]


@pytest.fixture(scope="session")
def results():
    rows, counts, indicators = made_up_searches()
    tables = {
        "trainings": made_up_trainings(), "searches": rows, "counts": counts, "indicators": indicators,
        "decisions": made_up_decisions(),
    }  # fmt: skip
    frames = {name: pd.DataFrame(table, columns=COLUMNS[name]) for name, table in tables.items()}
    texts = ("label", "training", "edge_cell")
    frames["trainings"] = frames["trainings"].fillna(dict.fromkeys(texts, ""))
    return Results(**frames)
