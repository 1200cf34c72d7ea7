"""The cells that each method found, as the paper shows them in Figures 6 and 7."""

import pandas as pd
from matplotlib.figure import Figure

from eoinas_tf.experiment.cell_drawing import draw_cell, genotype_graph, operation_colors
from eoinas_tf.space.genotype import Genotype
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
        genotypes = [Genotype.from_json(text) for text in group["genotype"]]
        operations = [name for one in genotypes for name, _ in (*one.normal, *one.reduce)]
        counts = {name: operations.count(name) / len(genotypes) for name in names}
        rows.append(dict(zip(KEYS, key, strict=True)) | {"cells": len(genotypes)} | counts)
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
        genotype = Genotype.from_json(best["genotype"])
        place = ", ".join(part for part in key if part)
        for cell, title in CELLS.items():
            name = folder_name("_".join(["cell", *(part for part in key if part), cell]))
            graph = genotype_graph(getattr(genotype, cell))
            pictures[name] = draw_cell(graph, f"{title}: {place}, seed {best['seed']}", colors)
    return pictures


def _operation_names(results: Results) -> list[str]:
    """Returns the operations that a found cell can have: the paper's, and others that a method has found."""
    genotypes = map(Genotype.from_json, results.searches["genotype"])
    found = {name for one in genotypes for name, _ in (*one.normal, *one.reduce)}
    usual = [name for name in OPERATION_NAMES if name != NONE]
    return [*usual, *sorted(found - {*usual})]
