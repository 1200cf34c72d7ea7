"""The contents of a finished run's folder, read for a page; files are only read, and missing ones are left out."""

import csv
import dataclasses
import functools
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from eoinas_tf.config import EvaluationConfig, RunConfig, SearchConfig, config_of
from eoinas_tf.errors import ConfigurationError, RunDirectoryError, StorageError
from eoinas_tf.experiment.json_lines import JsonLines

# In timing.jsonl: the number of cells scored at the end of a search.
SCORED_CELLS = "scored_cells"
CELL_TITLES = {"normal": "normal", "reduce": "reduction"}
KINDS: dict[str, type[RunConfig]] = {kind.__name__: kind for kind in (SearchConfig, EvaluationConfig)}
# Beta, its replacement in methods without alpha, and beta's name in searches of earlier versions.
PROBABILITY_COLUMNS = ("operation_weight", "probability", "operation_weights")
# For searches of versions that wrote no final_evidence.json, the best first.
USUAL_SCORES = ("importance", *PROBABILITY_COLUMNS)


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A finished run.

    Args:
        folder: Its folder.
        settings: config.json.
        summary: summary.json.
        genotype: genotype.json; empty if the network is not made of cells.
        dataset: dataset.json; empty in runs of earlier versions.
        environment: environment.json; likewise.
        evidence: final_evidence.json; likewise, and for evaluations.
        metrics: Records of metrics.jsonl.
        drops: Records of pruning.jsonl.
        timing: Records of timing.jsonl.
        classes: Rows of class_accuracy.csv.
        exports: exports.json; empty in searches and in runs of earlier versions.
        latency_budget: latency_budget.json; empty in runs without `max_latency_ms`.
    """

    folder: Path
    settings: dict[str, Any]
    summary: dict[str, Any]
    genotype: dict[str, Any]
    dataset: dict[str, Any]
    environment: dict[str, Any]
    evidence: dict[str, Any]
    metrics: list[dict[str, Any]]
    drops: list[dict[str, Any]]
    timing: list[dict[str, Any]]
    classes: list[dict[str, str]]
    exports: dict[str, Any] = dataclasses.field(default_factory=dict)
    latency_budget: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_search(self) -> bool:
        """Whether it is a search rather than the training or test of a final network."""
        return self.settings["kind"] == SearchConfig.__name__

    @property
    def has_trained(self) -> bool:
        """Whether a search has trained a network, rather than drawn a cell."""
        return bool(self.metrics) or self.summary.get("validation_accuracy") is not None

    @functools.cached_property
    def config(self) -> RunConfig | None:
        """The settings as a config; None if this version does not know them."""
        kind = KINDS[self.settings["kind"]]
        try:
            return config_of(kind, self.settings)
        except (ConfigurationError, TypeError, ValueError):
            return None

    @property
    def method(self) -> str:
        """The search method, or those of the searches chosen among; the paper's in versions that had no other."""
        names = dict.fromkeys(str(search.get("method", "eoinas")) for search in self.summary.get("searches", []))
        return " and ".join(names) or str(self.settings.get("method", "eoinas"))

    @property
    def cells(self) -> dict[str, list[tuple[str, int]]]:
        """(operation, node) pairs by cell type; empty if there are no cells."""
        return {cell: [tuple(pair) for pair in self.genotype[cell]] for cell in CELL_TITLES if cell in self.genotype}

    @property
    def operations(self) -> list[str]:
        """Names of the candidate operations of a search, in the order of its records."""
        record = self.evidence or (self.metrics[0] if self.metrics else {})
        named = [drop["operation"] for drop in self.drops]
        return list(record.get("operations") or dict.fromkeys(named))

    @property
    def edges(self) -> list[tuple[int, int]]:
        """(from node, to node) of a searched cell's edges, in the order of the records."""
        if "edges" in self.evidence:
            return [
                (int(start), int(end)) for start, _, end in (name.partition("-") for name in self.evidence["edges"])
            ]
        return [(from_node, to_node) for to_node in range(2, 6) for from_node in range(to_node)]

    @property
    def edge_names(self) -> list[str]:
        """Names of the edges, such as `0-2`."""
        return [f"{from_node}-{to_node}" for from_node, to_node in self.edges]

    @property
    def score(self) -> str | None:
        """Name of the column that ranked operations; None if none did."""
        if "score" in self.evidence:
            return self.evidence["score"]
        return next((name for name in USUAL_SCORES if self.metrics and name in self.metrics[0]), None)

    @property
    def score_label(self) -> str:
        """The score's label."""
        score = self.score or ""
        return str(self.evidence.get("labels", {}).get(score, score.replace("_", " ")))

    def final_scores(self, cell: str) -> np.ndarray | None:
        """Returns the scores at the end, float [edges, operations], NaN where dropped; None if there are none.

        Args:
            cell: `normal` or `reduce`.
        """
        values = self.evidence.get(self.score or "", {}).get(cell)
        return None if values is None else np.array(values, dtype=float)

    def scores_at(self, epoch: int, cell: str, edge: int) -> dict[str, float]:
        """Returns the scores of an edge's operations before an epoch's drop, by operation.

        Args:
            epoch: The epoch.
            cell: `normal` or `reduce`.
            edge: Position of the edge.
        """
        record = self._by_epoch.get(epoch)
        if record is None or self.score not in record:
            return {}
        row = record[self.score][cell][edge]
        return {name: value for name, value in zip(self.operations, row, strict=True) if value is not None}

    @functools.cached_property
    def _by_epoch(self) -> dict[int, dict[str, Any]]:
        return {record["epoch"]: record for record in self.metrics}


def read_run(folder: Path) -> RunRecord:
    """Reads the folder of a finished run.

    Args:
        folder: The folder.

    Returns:
        The run.

    Raises:
        RunDirectoryError: It is not a run's folder, its run is not finished, or a file is damaged.
    """
    for name, what in (("config.json", "no run folder"), ("summary.json", "not finished")):
        if not (folder / name).is_file():
            raise RunDirectoryError(
                f"{folder} is {what}: it has no {name}; name the folder of a finished search or evaluation"
            )
    settings = _read_object(folder / "config.json")
    if settings.get("kind") not in KINDS:
        raise RunDirectoryError(
            f"{folder / 'config.json'} holds no settings of a search or an evaluation; name the folder of one. "
            f"Received: kind {settings.get('kind')!r}"
        )
    try:
        logs = [JsonLines(folder / f"{name}.jsonl").read() for name in ("metrics", "pruning", "timing")]
    except (OSError, StorageError) as error:
        raise RunDirectoryError(f"{folder} cannot be read: {error}") from None
    metrics, drops, timing = logs
    return RunRecord(
        folder,
        settings,
        summary=_read_object(folder / "summary.json"),
        genotype=_read_object(folder / "genotype.json"),
        dataset=_read_object(folder / "dataset.json"),
        environment=_read_object(folder / "environment.json"),
        evidence=_read_object(folder / "final_evidence.json"),
        metrics=metrics,
        drops=drops,
        timing=timing,
        classes=_read_table(folder / "class_accuracy.csv"),
        exports=_read_object(folder / "exports.json"),
        latency_budget=_read_object(folder / "latency_budget.json"),
    )


def _read_object(path: Path) -> dict[str, Any]:
    """Returns a file's JSON object; an empty one if there is no such file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise RunDirectoryError(f"{path} cannot be read ({error}); restore it") from None
    if not isinstance(content, dict):
        raise RunDirectoryError(f"{path} holds no JSON object; restore it")
    return content


def _read_table(path: Path) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error) as error:
        raise RunDirectoryError(f"{path} cannot be read ({error}); restore it") from None
