"""The records of a finished search about its operations, epoch by epoch."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from eoinas_tf.config import END
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.experiment.report.run_record import PROBABILITY_COLUMNS
from eoinas_tf.experiment.run_directory import SEED_FOLDER
from eoinas_tf.space.cell_topology import CELL_TYPES, EDGE_COUNT
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import OPERATION_NAMES

Record = dict[str, Any]


def search_folders(folder: Path) -> list[Path]:
    """Returns the folders of the single searches below a search's folder, one for each of its seeds."""
    below = [path for path in folder.glob(f"{SEED_FOLDER}*") if path.is_dir()]
    below.sort(key=lambda path: int(path.name.removeprefix(SEED_FOLDER)))
    return below or [folder]


def best_search_folder(folder: Path) -> Path:
    """Returns the folder of the search whose cell counts: of several seeds, the one with the best validation accuracy.

    Args:
        folder: The folder of a finished search.
    """
    folders = search_folders(folder)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    best = Path(str(summary.get("best", ""))).name
    return next((one for one in folders if one.name == best), folders[0])


class SearchEvidence:
    """The files of one finished search; arrays for columns that a method does not write are None.

    Args:
        folder: The run folder.

    Attributes:
        operations: Names of the operations, in the order of the arrays' last axis.
        metrics: Records of metrics.jsonl.
        drops: Records of pruning.jsonl.

    Raises:
        ConfigurationError: It is not the folder of a search.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.config: Record = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise ConfigurationError(
                f"{folder} is not the folder of a search: its config.json cannot be read"
            ) from None
        self.metrics = JsonLines(folder / "metrics.jsonl").read()
        self.drops = JsonLines(folder / "pruning.jsonl").read()
        first = self.metrics[0] if self.metrics else {}
        self.operations: tuple[str, ...] = tuple(first.get("operations") or OPERATION_NAMES)

    def genotype(self) -> Genotype:
        """Returns the cells that the search found."""
        return Genotype.read(self.folder / "genotype.json")

    def weights(self, record: Record) -> np.ndarray | None:
        """Returns the probabilities of a record's operations: beta, or the method's replacement for it.

        Args:
            record: A record of metrics.jsonl.

        Returns:
            float [cell types, edges, operations], NaN where dropped; None if the method has none.
        """
        found = (self._array(record, column) for column in PROBABILITY_COLUMNS)
        return next((array for array in found if array is not None), None)

    def importance(self, record: Record) -> np.ndarray | None:
        """Returns a record's I, in the same form as `weights`; None if the method has none."""
        return self._array(record, "importance")

    def accuracy(self, record: Record) -> np.ndarray | None:
        """Returns a record's Ca, in the same form, NaN also where unknown; None if the method has none."""
        return self._array(record, "accuracy")

    def iterations(self, record: Record) -> np.ndarray | None:
        """Returns a record's Ce, in the same form and in the search's own unit; None if the method has none."""
        return self._array(record, "training_iterations")

    def weight_steps(self, record: Record) -> np.ndarray | None:
        """Returns a record's counts of weight steps, in the same form; None if the method has none."""
        return self._array(record, "weight_steps")

    def scores(self, record: Record) -> np.ndarray | None:
        """Returns the scores of a record's operations: I, or beta if there is no I."""
        importance = self.importance(record)
        return self.weights(record) if importance is None else importance

    def edge_ranking(self) -> str:
        """Returns how the search compares edges on which one operation is left; searches of earlier versions: end."""
        return str(self.config.get("edge_ranking") or END)

    def final_scores(self) -> np.ndarray | None:
        """Returns the scores after the last drop, in the form of `weights`; None if the search did not record them."""
        path = self.folder / "final_evidence.json"
        try:
            final = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return self._array(final, str(final.get("score")))

    def first_decision(self) -> Record | None:
        """Returns the last record in which every operation lives: the epoch of the first drop, or the last epoch."""
        return self._record_of(min((drop["epoch"] for drop in self.drops), default=None))

    def last_decision(self) -> Record | None:
        """Returns the record of the last drop's epoch, taken before the drop; the last record if nothing is dropped."""
        return self._record_of(max((drop["epoch"] for drop in self.drops), default=None))

    def drop_epochs(self) -> np.ndarray:
        """Returns the epoch at whose end each operation was dropped, int [cell types, edges, operations]; 0: living."""
        epochs = np.zeros((len(CELL_TYPES), EDGE_COUNT, len(self.operations)), np.int64)
        for drop in self.drops:
            position = CELL_TYPES.index(drop["cell"]), drop["edge"], self.operations.index(drop["operation"])
            epochs[position] = drop["epoch"]
        return epochs

    def _record_of(self, epoch: int | None) -> Record | None:
        if not self.metrics:
            return None
        return next((record for record in self.metrics if record["epoch"] == epoch), self.metrics[-1])

    def _array(self, record: Record, key: str) -> np.ndarray | None:
        values = record.get(key)
        if not isinstance(values, dict) or set(values) != set(CELL_TYPES):
            return None
        array = np.array([values[cell] for cell in CELL_TYPES], dtype=np.float64)
        return array if array.shape == (len(CELL_TYPES), EDGE_COUNT, len(self.operations)) else None
