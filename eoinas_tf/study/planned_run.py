"""One search or one training run of a study: its settings, its folder, and its progress."""

import dataclasses
import fcntl
import json
from pathlib import Path
from typing import Any, NoReturn

from eoinas_tf.config import EvaluationConfig, RunConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.run_directory import SEED_FOLDER, usual_settings
from eoinas_tf.setting_paths import FOLDER_PREFIX
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import load_genotype

SEARCH, TRAINING = "search", "training"
# What is trained: a cell that a search found, or a network that needs no search; else a kind of derived cell.
FOUND, FIXED = "found", "fixed"
CANDIDATE = "candidates"


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run of a study.

    Args:
        kind: `search` or `training`.
        data_set: Name of the data set; empty if the study names none.
        scale: Name of the scale.
        contestant: Name of the method or network.
        seed: The run's own seed.
        config: Its settings, including the folder. The training run of a derived cell gets its folder and its genotype
            when the search is finished.
        arguments: The equivalent command line.
        images: Training images of an epoch, for estimates of time; None if unknown.
        search: The search that the trained cell comes from.
        training: Name of the recipe; empty for a search.
        role: What is trained: `found`, `fixed`, or a kind of derived cell.
        label: Which of the derived cells of its kind.
        options: Further parameters of the derived cell: the cell type and the position of the replaced pair.
    """

    kind: str
    data_set: str
    scale: str
    contestant: str
    seed: int
    config: RunConfig
    arguments: tuple[str, ...]
    images: int | None
    search: "PlannedRun | None" = None
    training: str = ""
    role: str = ""
    label: str = ""
    options: tuple[str, int] = ("normal", 0)

    @property
    def folder(self) -> Path:
        """The run folder."""
        return Path(self.config.run_dir)

    @property
    def cell(self) -> str:
        """The name of the found or trained cell, or of the network, within its scale and data set, such as `gdas/2`."""
        if self.kind == SEARCH:
            return f"{self.contestant}/{self.seed}"
        return self.contestant if self.search is None else f"{self.contestant}/{self.search.seed}"

    @property
    def title(self) -> str:
        """The run's name in messages; no two runs of a study share it."""
        place = [self.scale, *([self.data_set] if self.data_set else [])]
        if self.kind == SEARCH:
            return " / ".join([*place, f"search {self.contestant}, seed {self.seed}"])
        where = f" in pair {self.options[1]} of the {self.options[0]} cell" if self.role == CANDIDATE else ""
        what = f"{self.cell} ({self.role} {self.label}{where})" if self.label else self.cell
        return " / ".join([*place, f"training {self.training} of {what}, seed {self.seed}"])

    def is_finished(self) -> bool:
        """Tells whether the run is complete; then it is never repeated."""
        summary = self.summary()
        return bool(summary) and (self.kind == SEARCH or summary.get("finished") is True)

    def summary(self) -> dict[str, Any]:
        """Returns the contents of summary.json; empty if there is none."""
        try:
            content = json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def finished_epochs(self) -> int:
        """Returns how many epochs are recorded, over all seeds of a search with several."""
        files = [self.folder / "metrics.jsonl", *self.folder.glob(f"{SEED_FOLDER}*/metrics.jsonl")]
        return sum(file.read_bytes().count(b"\n") for file in files if file.exists())

    def epochs(self) -> int:
        """Returns the epochs of the whole run."""
        seeds = self.config.num_seeds if isinstance(self.config, SearchConfig) else 1
        return self.config.epochs * seeds

    def holder(self) -> str | None:
        """Returns the process that works in the folder; None if there is none."""
        try:
            with open(self.folder / "lock", encoding="utf-8") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return lock.read().strip() or "another process"
        except OSError:
            pass
        return None

    def check_settings(self) -> None:
        """Refuses a finished run whose settings differ from those that the study gives now.

        Of a genotype, only the cells count. A folder of images may have moved: `RunImages` compares what is in it.

        Raises:
            ConfigurationError: The run is finished and had other settings.
        """
        try:
            stored = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        # An earlier version, whose files lack a setting, did what its default does.
        stored = {**usual_settings(type(self.config), stored), **stored}
        for name, value in self.config.result_settings().items():
            if name in ("genotype", "run_dir") or stored.get(name, value) == value:
                continue
            if name == "dataset" and all(str(one).startswith(FOLDER_PREFIX) for one in (stored[name], value)):
                continue
            self._refuse(f"--{name}={stored[name]}", value)
        self._check_genotype()

    def _check_genotype(self) -> None:
        """Refuses a finished training run of other cells than the study trains now."""
        used = self.folder / "genotype.json"
        if not isinstance(self.config, EvaluationConfig) or not used.exists():
            return
        cells = [
            dataclasses.replace(genotype, source="")
            for genotype in (Genotype.read(used), load_genotype(self.config.genotype))
        ]
        if cells[0] != cells[1]:
            self._refuse("other cells", f"--genotype={self.config.genotype}")

    def _refuse(self, found: str, wanted: object) -> NoReturn:
        raise ConfigurationError(
            f"{self.folder} holds a finished run with {found}, where the study says {wanted}; "
            "name another --study_dir, or rename the changed entry in the study file"
        )
