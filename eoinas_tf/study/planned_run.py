"""One search or one training run of a study: its settings, its folder, and its progress."""

import dataclasses
import fcntl
import json
from pathlib import Path
from typing import Any

from eoinas_tf.config import RunConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError

SEARCH, TRAINING = "search", "training"
# What is trained: a cell that a search found, or a network that needs no search; else a kind of derived cell.
FOUND, FIXED = "found", "fixed"


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
        what = f"{self.cell} ({self.role} {self.label})" if self.label else self.cell
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
        files = [self.folder / "metrics.jsonl", *self.folder.glob("seed_*/metrics.jsonl")]
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

        The source of a genotype is not compared; only its cells count.

        Raises:
            ConfigurationError: The run is finished and had other settings.
        """
        try:
            stored = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        for name, value in self.config.result_settings().items():
            # Settings that a later version added are not in the files of an earlier one.
            if name not in ("genotype", "run_dir") and name in stored and stored[name] != value:
                raise ConfigurationError(
                    f"{self.folder} holds a finished run with --{name}={stored[name]}, where the study says {value}; "
                    "name another --study_dir, or rename the changed entry in the study file"
                )
