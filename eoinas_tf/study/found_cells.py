"""The cells that each method found, as the paper shows them in Figures 6 and 7."""

import json

import pandas as pd
from matplotlib.figure import Figure

from eoinas_tf.experiment.cell_drawing import draw_cell, genotype_graph, operation_colors
from eoinas_tf.space.genotype import CellEdges
from eoinas_tf.space.operation_names import NONE, OPERATION_NAMES
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.study_file import folder_name

KEYS = ["data_set", "scale", "contestant"]
CELLS = {"normal": "normal cell", "reduce": "reduction cell"}


def cell_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Returns how often each operation occurs in the found cells, one row per method.

    Args:
        results: The study's tables.
    """
    rows = []
    names = _operation_names(results)
    for key, group in results.searches.groupby(KEYS, sort=False):
        operations = [name for text in group["genotype"] for name in _operations(text)]
        counts = {name: operations.count(name) / len(group) for name in names}
        rows.append(dict(zip(KEYS, key, strict=True)) | {"cells": len(group)} | counts)
    return {"found_operations": pd.DataFrame(rows)}


def cell_pictures(results: Results) -> dict[str, Figure]:
    """Returns both cells of each method's best search by validation, or of its first if none was validated.

    Args:
        results: The study's tables.
    """
    pictures = {}
    colors = operation_colors((NONE, *_operation_names(results)))
    for key, group in results.searches.groupby(KEYS, sort=False):
        validation = group["validation_accuracy"].astype(float)
        best = group.loc[validation.idxmax() if validation.notna().any() else group.index[0]]
        cells = _cells(best["genotype"])
        place = ", ".join(part for part in key if part)
        for cell, title in CELLS.items():
            name = folder_name("_".join(["cell", *(part for part in key if part), cell]))
            graph = genotype_graph(cells[cell])
            pictures[name] = draw_cell(graph, f"{title}: {place}, seed {best['seed']}", colors)
    return pictures


def _cells(text: str) -> dict[str, CellEdges]:
    """Returns the edges of both cells; their operations need not be known here, where no module of them is imported."""
    content = json.loads(text)
    return {cell: tuple((name, node) for name, node in content[cell]) for cell in CELLS}


def _operations(text: str) -> list[str]:
    return [name for edges in _cells(text).values() for name, _ in edges]


def _operation_names(results: Results) -> list[str]:
    """Returns the operations that a found cell can have: the paper's, and others that a method has found."""
    found = {name for text in results.searches["genotype"] for name in _operations(text)}
    usual = [name for name in OPERATION_NAMES if name != NONE]
    return [*usual, *sorted(found - {*usual})]
