"""How long a study takes: from a formula at first, later from its own finished runs."""

import json
import math
from collections.abc import Iterable, Sequence

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.cpu_threads import usable_cpus
from eoinas_tf.experiment.run_directory import SEED_FOLDER
from eoinas_tf.search_methods import SEARCH_METHODS
from eoinas_tf.study.planned_run import PlannedRun
from eoinas_tf.training.time_formula import (
    CPUS_OF_THE_FIT,
    SEARCH_FACTOR,
    STEM_STRIDES,
    most_seconds_of_an_image,
    seconds_of_an_image,
)

USUAL_PIXELS = {"digits": 64, "mnist": 784, "fashion_mnist": 784, "imagenet2012": 224 * 224}
CIFAR_PIXELS = 32 * 32
# Imports, tracing, test, export and its check.
SECONDS_BESIDE_EPOCHS = 30.0

Group = tuple[str, ...]


def formula_seconds(run: PlannedRun) -> float | None:
    """Returns a run's time on two CPU cores by the formula; None if its number of images is unknown.

    Methods that run all operations on an edge take several times as long; the first finished run shows how much.

    Args:
        run: The run.
    """
    if run.images is None:
        return None
    config = run.config
    is_search = isinstance(config, SearchConfig)
    if not _trains(run):
        return SECONDS_BESIDE_EPOCHS
    size = config.image_size
    pixels = size[0] * size[1] if size else USUAL_PIXELS.get(config.dataset, CIFAR_PIXELS)
    pixels //= STEM_STRIDES[getattr(config, "stem", "cifar")] ** 2
    image = seconds_of_an_image(config.cells, config.init_channels, pixels)
    if isinstance(config, EvaluationConfig) and config.max_multiply_adds:  # `init_channels` is lowered to this budget.
        image = min(image, most_seconds_of_an_image(config.max_multiply_adds))
    images = run.images
    if config.steps_per_epoch is not None:  # A step of a search takes a batch of each half.
        images = min(images, config.steps_per_epoch * config.batch_size * (2 if is_search else 1))
    return SECONDS_BESIDE_EPOCHS + run.epochs() * images * image * (SEARCH_FACTOR if is_search else 1.0)


def measured_seconds(run: PlannedRun) -> float:
    """Returns the seconds of a run's epochs and, of a finished search, of scoring its cells, from timing.jsonl."""
    total = 0.0
    for path in (run.folder / "timing.jsonl", *run.folder.glob(f"{SEED_FOLDER}*/timing.jsonl")):
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    total += float(json.loads(line)["seconds"])
                except (ValueError, KeyError, TypeError):  # A line that a kill cut off.
                    continue
    return total


class TimeEstimate:
    """Learns from finished runs how long the others take.

    Args:
        jobs: Number of runs at a time, which share the CPUs.
        runs: Finished runs.
    """

    def __init__(self, jobs: int, runs: Iterable[PlannedRun] = ()) -> None:
        self._jobs = jobs
        # A finished run has measured what sharing costs; the formula only knows a run that has its CPUs to itself.
        self._sharing = max(1.0, CPUS_OF_THE_FIT * jobs / (usable_cpus() or CPUS_OF_THE_FIT))
        self._measured: dict[Group, list[float]] = {}
        self._ratios: dict[str, list[tuple[float, float]]] = {}
        for run in runs:
            self.add(run)

    def add(self, run: PlannedRun) -> None:
        """Takes a finished run into account."""
        seconds = measured_seconds(run) + SECONDS_BESIDE_EPOCHS
        self._measured.setdefault(_group(run), []).append(seconds)
        formula = formula_seconds(run)
        if formula is not None and _trains(run):
            self._ratios.setdefault(run.kind, []).append((seconds, formula))

    def whole_seconds(self, run: PlannedRun) -> float | None:
        """Returns a run's time from its start to its end; None if nothing is known."""
        same = self._measured.get(_group(run))
        if same:
            return math.fsum(same) / len(same)
        formula = formula_seconds(run)
        if formula is None:
            return None
        pairs = self._ratios.get(run.kind)
        if not pairs:
            return formula * self._sharing
        return formula * math.fsum(seconds for seconds, _ in pairs) / math.fsum(expected for _, expected in pairs)

    def seconds_left(self, runs: Sequence[PlannedRun]) -> tuple[float, bool]:
        """Returns the time that is left.

        Args:
            runs: The runs that are not finished.

        Returns:
            Seconds, and whether they include all runs.
        """
        left: list[float] = []
        is_whole = True
        for run in runs:
            whole = self.whole_seconds(run)
            if whole is None:
                is_whole = False
                continue
            left.append(whole * (1.0 - min(1.0, run.finished_epochs() / run.epochs())))
        return max(math.fsum(left) / self._jobs, max(left, default=0.0)), is_whole


def _trains(run: PlannedRun) -> bool:
    return not isinstance(run.config, SearchConfig) or SEARCH_METHODS[run.config.method].trains


def _group(run: PlannedRun) -> Group:
    """Returns the properties that runs of about the same duration share."""
    contestant = run.contestant if run.kind == "search" or run.role == "fixed" else ""
    return run.kind, run.data_set, run.scale, run.training, contestant
