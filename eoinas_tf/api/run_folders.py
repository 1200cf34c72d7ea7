"""Runs as Python objects: the results of searches and training runs, read from their folders at any time."""

import functools
import json
from pathlib import Path
from typing import Any

import keras
from matplotlib.figure import Figure

from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.evaluation.keras_classifier import keras_classifier
from eoinas_tf.evaluation.trained_network import TrainedNetwork, restore_network
from eoinas_tf.experiment.cell_drawing import draw_cell, genotype_graph
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.random_seeds import kept_generators
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_modules import import_operations

CELLS = {"normal": "normal cell", "reduce": "reduction cell"}


class Run:
    """A finished run.

    Args:
        run_dir: Its folder.
    """

    def __init__(self, run_dir: str | Path) -> None:
        self.run_dir = Path(run_dir).expanduser()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self.run_dir}>"

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, by flag name."""
        return _read_json(self.run_dir / "config.json")

    @property
    def summary(self) -> dict[str, Any]:
        """The figures of the result, as in summary.json."""
        return _read_json(self.run_dir / "summary.json")

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The measurements of each epoch, as in metrics.jsonl."""
        return JsonLines(self.run_dir / "metrics.jsonl").read()

    @property
    def genotype(self) -> Genotype:
        """The cells.

        Raises:
            GenotypeError: The folder holds none.
            ConfigurationError: The module of an own operation cannot be imported.
        """
        if (self.run_dir / "config.json").exists():
            import_operations(self.settings.get("operation_modules"))
        return Genotype.read(self.run_dir / "genotype.json")

    def plot(self, cell: str = "normal") -> Figure:
        """Draws a cell.

        Args:
            cell: `normal` or `reduce`.

        Returns:
            A Matplotlib figure, which notebooks show and `savefig` writes.
        """
        return draw_cell(genotype_graph(getattr(self.genotype, cell)), CELLS[cell])


class SearchRun(Run):
    """The result of a search: `genotype`, `plot()`, `summary`, `metrics`, `run_dir`."""


class TrainingRun(Run):
    """The result of a training run: `model`, `class_names`, `test_accuracy`, `summary`, `metrics`, `run_dir`."""

    @functools.cached_property
    def _trained(self) -> TrainedNetwork:
        with kept_generators():
            return restore_network(self.run_dir)

    @functools.cached_property
    def model(self) -> keras.Model:
        """The trained network: raw pixels [batch, height, width, channels] in, probabilities [batch, classes] out.

        Raises:
            EoinasError: The folder holds no finished training run.
        """
        network, image_shape, _, mean, standard_deviation = self._trained
        with kept_generators():
            return keras_classifier(network, image_shape, mean=mean, standard_deviation=standard_deviation)

    @property
    def class_names(self) -> tuple[str, ...]:
        """A name for each class, in the order of the model's outputs."""
        return self._trained.class_names

    @property
    def test_accuracy(self) -> float:
        """The fraction of the test images classified correctly."""
        return self.summary["test_accuracy"]


KINDS = {"SearchConfig": SearchRun, "EvaluationConfig": TrainingRun}


def load_run(run_dir: str | Path) -> Any:
    """Opens the folder of a finished run.

    Args:
        run_dir: The run folder of `search`, `train`, `run_search.py` or `run_eval.py`.

    Returns:
        A `SearchRun` or a `TrainingRun`.

    Raises:
        RunDirectoryError: It is not the folder of a finished run.
    """
    folder = Path(run_dir).expanduser()
    kind = _read_json(folder / "config.json").get("kind")
    if kind not in KINDS or not (folder / "summary.json").exists():
        raise RunDirectoryError(f"{folder} holds no finished run; repeat its command or call to finish it")
    return KINDS[kind](folder)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunDirectoryError(f"{path} cannot be read ({error}); name the folder of a finished run") from None
    if not isinstance(content, dict):
        raise RunDirectoryError(f"{path} is not a file of a run; name the folder of a finished run")
    return content
