"""The kinds of cell that analyses derive from a finished search, and the folders where such cells are trained."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from eoinas_tf.experiment.atomic_files import make_folder, write_text
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.study.candidate_cells import candidate_cell, candidate_labels
from eoinas_tf.study.cells_over_drops import cell_after_drops, drop_labels
from eoinas_tf.study.edge_rankings import RANKING_NAMES, cell_by_ranking
from eoinas_tf.study.planned_run import PlannedRun
from eoinas_tf.study.search_evidence import SearchEvidence, best_search_folder

LETTERS_OF_A_DIGEST = 12


class DerivedKind(NamedTuple):
    """A kind of derived cell.

    Args:
        labels: Returns the labels of its cells for a search's candidate operations.
        derive: Returns the cell of a label from the search, with the request's `cell` and `pair`; None if the search
            has no such cell.
    """

    labels: Callable[[Sequence[str]], tuple[str, ...]]
    derive: Callable[[SearchEvidence, str, str, int], Genotype | None]


DERIVED = {
    "candidates": DerivedKind(candidate_labels, candidate_cell),
    "drops": DerivedKind(drop_labels, cell_after_drops),
    "edge_rankings": DerivedKind(lambda operations: RANKING_NAMES, cell_by_ranking),
}


def derived_labels(kind: str, operations: Sequence[str] | None) -> tuple[str, ...]:
    """Returns the labels of a kind's cells.

    Args:
        kind: A name of `DERIVED`.
        operations: The candidate operations of the search; None: the paper's eight.
    """
    return DERIVED[kind].labels(operations or OPERATION_NAMES)


def settle_derived(run: PlannedRun) -> PlannedRun | None:
    """Derives the cell of a planned training run, writes its genotype, and gives the run its folder.

    The folder is named after the cell. Equal cells share it, and so one training run; the cell that the search found is
    trained in the found cell's own folder.

    Args:
        run: A training run of a derived cell whose search is finished. Other runs are returned unchanged.

    Returns:
        The run with its genotype and folder; None if the search has no such cell.
    """
    if run.search is None or run.role not in DERIVED:
        return run
    evidence = SearchEvidence(best_search_folder(run.search.folder))
    genotype = DERIVED[run.role].derive(evidence, run.label, *run.options)
    if genotype is None:
        return None
    # In the plan, a derived cell's folder is inside the found cell's, where nothing will ever be.
    found_folder = run.folder.parent
    nameless = dataclasses.replace(genotype, source="")
    if nameless == dataclasses.replace(Genotype.read(run.search.folder / "genotype.json"), source=""):
        return _at(run, found_folder, run.search.folder / "genotype.json")
    digest = hashlib.sha256(nameless.to_json().encode()).hexdigest()[:LETTERS_OF_A_DIGEST]
    folder = found_folder.parent / f"cell_{digest}"
    file = folder / "genotype.json"
    if not file.exists():
        make_folder(folder)
        write_text(file, genotype.to_json())
    return _at(run, folder / found_folder.name, file)


def is_done(run: PlannedRun) -> bool:
    """Tells whether a planned run, including its derived cells, is complete."""
    if run.search is not None and not run.search.is_finished():
        return False
    settled = settle_derived(run)
    return settled is None or settled.is_finished()


def _at(run: PlannedRun, folder: Path, genotype: Path) -> PlannedRun:
    config = dataclasses.replace(run.config, run_dir=str(folder), genotype=str(genotype))  # type: ignore[call-arg]
    arguments = (*run.arguments, f"--genotype={genotype}", f"--run_dir={folder}")
    return dataclasses.replace(run, config=config, arguments=arguments)
