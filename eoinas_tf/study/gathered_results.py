"""The results of a study's finished runs, as tables on which all analyses are based: the study's CSV files."""

import dataclasses
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.atomic_files import make_folder, write_text
from eoinas_tf.search.leading_operations import leading_operations
from eoinas_tf.space.cell_topology import INPUT_NODES, incoming_edges
from eoinas_tf.space.genotype import INPUTS_PER_NODE, Genotype
from eoinas_tf.space.operation_names import NONE, SKIP_CONNECT
from eoinas_tf.study.decision_rules import RULES, VARIATIONS, decision_rows
from eoinas_tf.study.derived_cells import is_done, settle_derived
from eoinas_tf.study.indicator_values import indicator_rows
from eoinas_tf.study.planned_run import CANDIDATE, SEARCH, PlannedRun
from eoinas_tf.study.run_images import RunImages
from eoinas_tf.study.search_evidence import SearchEvidence, best_search_folder
from eoinas_tf.study.time_estimate import measured_seconds

PLACE = ["data_set", "scale"]
COLUMNS = {
    "trainings": [
        *PLACE, "training", "role", "label", "contestant", "cell", "search_seed", "training_seed", "test_accuracy",
        "test_top_5_accuracy", "parameters", "multiply_adds", "init_channels", "epochs", "seconds", "edge_cell", "edge",
    ],
    "searches": [
        *PLACE, "contestant", "cell", "seed", "validation_accuracy", "seconds", "epochs", "drops", "skip_normal",
        "skip_reduce", "none_edges", "warnings", "genotype",
    ],
    "counts": [*PLACE, "contestant", "cell", "epoch", "skip_edges", "none_edges"],
    "indicators": [
        *PLACE, "contestant", "cell", "moment", "epoch", "cell_type", "edge", "operation", "beta", "importance",
        "importance_epochs", "importance_relative", "importance_steps", "life",
    ],
    "decisions": [*PLACE, "contestant", "cell", "epoch", "edges", *RULES, *VARIATIONS],
}  # fmt: skip

TEXTS = (
    *PLACE, "training", "role", "label", "contestant", "cell", "edge_cell", "genotype", "moment", "cell_type",
    "operation",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Results:
    """A study's tables; their columns are `COLUMNS`.

    Args:
        trainings: One row per training run and role. A cell with several roles has a row for each.
        searches: One row per search.
        counts: One row per search and epoch: edges, of both cells, whose strongest operation is identity or none.
        indicators: One row per search, moment, edge and operation: beta and I.
        decisions: One row per search by I and epoch with drops: see `decision_rows`.
    """

    trainings: pd.DataFrame
    searches: pd.DataFrame
    counts: pd.DataFrame
    indicators: pd.DataFrame
    decisions: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Writes each table as a CSV file.

        Args:
            folder: The target; created if needed.
        """
        make_folder(folder)
        for name in COLUMNS:
            buffer = io.StringIO()
            getattr(self, name).to_csv(buffer, index=False, lineterminator="\n")
            write_text(folder / f"{name}.csv", buffer.getvalue())

    @classmethod
    def read(cls, folder: Path) -> "Results":
        """Reads the tables that `write` wrote.

        Args:
            folder: The folder of the CSV files.

        Raises:
            ConfigurationError: A file is missing or has other columns.
        """
        tables = {}
        for name, columns in COLUMNS.items():
            path = folder / f"{name}.csv"
            try:
                # A name is a text even if all of them look like numbers.
                table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(TEXTS, str))
            except (OSError, ValueError) as error:
                raise ConfigurationError(f"{path} cannot be read as a table of a study: {error}") from None
            if list(table.columns) != columns:
                raise ConfigurationError(f"{path} must have the columns {', '.join(columns)}")
            tables[name] = _with_texts(table)
        return cls(**tables)

    @classmethod
    def joined(cls, parts: Sequence["Results"]) -> "Results":
        """Returns the results of several folders as those of one study.

        Args:
            parts: At least one.

        Raises:
            ConfigurationError: Two parts have training runs of the same data set and scale.
        """
        places = pd.concat(
            [pd.concat([getattr(part, name)[PLACE] for name in COLUMNS]).drop_duplicates() for part in parts]
        )
        if places.duplicated().any():
            data_set, scale = places[places.duplicated()].iloc[0]
            raise ConfigurationError(
                f"results can be joined only if their scales differ. Received twice: {scale}"
                f"{f' of {data_set}' if data_set else ''}"
            )
        return cls(**{name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in COLUMNS})


def gather_results(runs: Iterable[PlannedRun]) -> Results:
    """Reads the finished runs of a plan.

    Args:
        runs: The plan.

    Returns:
        The tables, without runs that are not finished.

    Raises:
        ConfigurationError: A finished run had other settings than the study gives now, or other images than the rest.
    """
    images = RunImages()
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    for planned in runs:
        if not is_done(planned):
            continue
        run = settle_derived(planned)
        if run is None:
            continue
        run.check_settings()
        images.check(run)
        place = {"data_set": run.data_set, "scale": run.scale, "contestant": run.contestant, "cell": run.cell}
        if run.kind == SEARCH:
            evidence = SearchEvidence(best_search_folder(run.folder))
            rows["searches"].append(place | _search_row(run, evidence))
            rows["counts"] += [place | row for row in _count_rows(evidence)]
            rows["indicators"] += [place | row for row in indicator_rows(evidence)]
            rows["decisions"] += [place | row for row in decision_rows(evidence)]
        else:
            rows["trainings"].append(place | _training_row(run))
    return Results(**{name: _with_texts(pd.DataFrame(rows[name], columns=COLUMNS[name])) for name in COLUMNS})


def _with_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the table with missing texts as empty ones and whole numbers as integers, whether read or gathered."""
    texts = [name for name in TEXTS if name in table.columns]
    whole = [name for name in ("search_seed", "edge") if name in table.columns]
    return table.assign(
        **{name: table[name].astype(object).fillna("").astype(str) for name in texts},
        **{name: table[name].astype("Int64") for name in whole},
    )


def _training_row(run: PlannedRun) -> dict[str, Any]:
    summary = run.summary()
    return {
        "training": run.training,
        "role": run.role,
        "label": run.label,
        "search_seed": run.search.seed if run.search else None,
        "training_seed": run.seed,
        **{
            key: summary.get(key)
            for key in (
                "test_accuracy",
                "test_top_5_accuracy",
                "parameters",
                "multiply_adds",
                "init_channels",
                "epochs",
            )
        },
        "seconds": round(measured_seconds(run), 1),
        **_replaced_edge(run),
    }


def _replaced_edge(run: PlannedRun) -> dict[str, Any]:
    """Returns the cell and edge on which a candidate replaces the operation; nothing for other training runs."""
    if run.role != CANDIDATE or run.search is None:
        return {}
    cell, pair = run.options
    _, from_node = getattr(Genotype.read(run.search.folder / "genotype.json"), cell)[pair]
    to_node = INPUT_NODES + pair // INPUTS_PER_NODE
    return {
        "edge_cell": cell,
        "edge": next(edge.index for edge in incoming_edges(to_node) if edge.from_node == from_node),
    }


def _search_row(run: PlannedRun, evidence: SearchEvidence) -> dict[str, Any]:
    summary = run.summary()
    genotype = Genotype.read(run.folder / "genotype.json")
    counts = _count_rows(evidence)
    own = json.loads((evidence.folder / "summary.json").read_text(encoding="utf-8"))
    # Without the source, which names the folder of the images on this machine.
    cells = {key: value for key, value in json.loads(genotype.to_json()).items() if key != "source"}
    return {
        "seed": run.seed,
        "validation_accuracy": summary.get("validation_accuracy"),
        "seconds": round(measured_seconds(run), 1),
        "epochs": run.epochs(),
        "drops": len({drop["epoch"] for drop in evidence.drops}),
        "skip_normal": sum(operation == SKIP_CONNECT for operation, _ in genotype.normal),
        "skip_reduce": sum(operation == SKIP_CONNECT for operation, _ in genotype.reduce),
        "none_edges": counts[-1]["none_edges"] if counts else None,
        "warnings": len(own.get("warnings", [])),
        "genotype": json.dumps(cells),
    }


def _count_rows(evidence: SearchEvidence) -> list[dict[str, Any]]:
    """Returns for each epoch, after its drop, on how many edges identity or `none` is the strongest operation."""
    rows = []
    dropped_at = evidence.drop_epochs()
    for record in evidence.metrics:
        scores = evidence.scores(record)
        if scores is None:
            return []
        living = (dropped_at == 0) | (dropped_at > record["epoch"])
        names = leading_operations(np.where(living, scores, np.nan), evidence.operations)
        rows.append(
            {
                "epoch": record["epoch"],
                "skip_edges": int((names == SKIP_CONNECT).sum()),
                "none_edges": int((names == NONE).sum()),
            }
        )
    return rows
