"""Network sizes chosen by the images, the machine and the time: the rules of `auto --hours` and of `--preset=auto`.

docs/choosing_settings.md states them. They measure nothing, so the same command always chooses the same sizes.
"""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from eoinas_tf.config import OPTIMIZER_DEFAULTS
from eoinas_tf.cpu_threads import usable_cpus
from eoinas_tf.experiment.run_directory import has_only_begun
from eoinas_tf.training.time_budget import SECONDS_OF_AN_HOUR
from eoinas_tf.training.time_formula import CPUS_OF_THE_FIT, SEARCH_FACTOR, STEM_STRIDES, seconds_of_an_image

SEARCH, TRAINING = "search", "training"
# Of a time budget for both; a search is short compared with the training of what it finds, as in the paper.
SHARES = {SEARCH: 1 / 3, TRAINING: 2 / 3}
# Assumed for both if no time budget is given.
USUAL_HOURS = 3.0
# Cells and channels, from the fastest network to the slowest.
SIZES: dict[str, tuple[tuple[int, int], ...]] = {
    SEARCH: ((3, 8), (5, 8), (5, 16), (8, 16)),
    TRAINING: ((3, 8), (5, 8), (5, 16), (8, 16), (8, 24), (14, 24), (20, 36)),
}
# Settings of short searches by method; methods that are not listed keep their defaults. Alpha learns faster than in the
# paper because it has far fewer steps, and Ce is relative because in so few epochs C in epochs would outweigh beta
# (search_cifar10_cpu.flags).
SEARCH_RECIPES: dict[str, dict[str, Any]] = {
    "eoinas": {"architecture_learning_rate": 0.003, "importance_iterations": "relative"},
}
# Settings of short runs, of searches with the default method.
RECIPES: dict[str, dict[str, Any]] = {
    SEARCH: SEARCH_RECIPES["eoinas"],
    TRAINING: {"learning_rate": 0.05, "cutout_length": 0, "drop_path": 0.1},
}
# Its learning rate is for this optimizer; others have their own.
RECIPE_OPTIMIZER = "sgd"
# Each of the two reduction cells halves height and width.
TINY_SIDE, CELLS_OF_TINY_IMAGES = 16, 3
MANY_CLASSES, CHANNELS_OF_MANY_CLASSES = 50, 16
# A single network does not keep more CPUs busy.
MOST_CPUS = 16
LARGEST_BATCH, SMALLEST_BATCH = 64, 4
# With fewer steps in an epoch, the batch is made smaller.
FEWEST_STEPS = 10
# The random crop pads images by an eighth of their side, which is the paper's 4 of 32.
LARGEST_PADDING, SIDE_OF_A_PADDED_PIXEL = 4, 8


@dataclasses.dataclass(frozen=True)
class Images:
    """The images of a run.

    Args:
        training_images: Number of images to train on.
        height: Height in pixels.
        width: Width in pixels.
        classes: Number of classes.
    """

    training_images: int
    height: int
    width: int
    classes: int

    def __str__(self) -> str:
        return (
            f"{self.training_images:,} training images of {self.height}x{self.width} pixels in {self.classes} classes"
        )


class Effort(NamedTuple):
    """The effort that a number of images is worth.

    Args:
        below: Applies to fewer images than this.
        epochs: Fewest epochs that a run should have, by kind of run.
        largest: Cells and channels of the largest network.
    """

    below: float
    epochs: dict[str, int]
    largest: tuple[int, int]


EFFORTS = (
    Effort(2_000, {SEARCH: 24, TRAINING: 100}, (5, 16)),
    Effort(20_000, {SEARCH: 16, TRAINING: 60}, (8, 24)),
    Effort(math.inf, {SEARCH: 16, TRAINING: 40}, (20, 36)),
)


def automatic_settings(
    kind: str, images: Images, hours: float | None, cpus: int | None = None, stem: str | None = None
) -> dict[str, Any]:
    """Returns the size settings of a run, including its epochs if no time budget chooses them.

    The network is the largest one of `SIZES` that so many images are worth and that, by the formula, has time for the
    epochs of `EFFORTS`; if none has, the smallest one.

    Args:
        kind: `search` or `training`.
        images: The images.
        hours: The run's own time budget; None: its share of `USUAL_HOURS`.
        cpus: CPUs that the process may use; by default those that it finds.
        stem: The network's first layers, which decide what the cells see; by default the default stem.
    """
    stride = STEM_STRIDES.get(stem or "", 1)
    seen = dataclasses.replace(images, height=-(-images.height // stride), width=-(-images.width // stride))
    effort = next(effort for effort in EFFORTS if images.training_images < effort.below)
    cells, channels = _network(kind, seen, effort, SHARES[kind] * USUAL_HOURS if hours is None else hours, cpus)
    return {
        "cells": cells,
        "init_channels": channels,
        "batch_size": batch_size(images.training_images),
        "crop_padding": min(LARGEST_PADDING, min(images.height, images.width) // SIDE_OF_A_PADDED_PIXEL),
        **({"epochs": effort.epochs[kind]} if hours is None else {}),
    }


def recommended_settings(
    kind: str,
    images: Images,
    hours: float | None,
    method: str | None = None,
    optimizer: str | None = None,
    stem: str | None = None,
) -> dict[str, Any]:
    """Returns the size settings of a run, with further ones that suit short runs.

    Args:
        kind: `search` or `training`.
        images: The images.
        hours: The run's own time budget; None: no budget.
        method: The search method; by default the default method.
        optimizer: The training's optimizer; by default the default optimizer.
        stem: The training's stem; by default the default stem.
    """
    return {**automatic_settings(kind, images, hours, stem=stem), **recipe(kind, method, optimizer)}


def recipe(kind: str, method: str | None = None, optimizer: str | None = None) -> dict[str, Any]:
    """Returns settings that suit short runs.

    Args:
        kind: `search` or `training`.
        method: The search method; by default the default method.
        optimizer: The training's optimizer; by default the default optimizer.
    """
    settings = RECIPES[kind] if method is None else SEARCH_RECIPES.get(method, {})
    if optimizer == RECIPE_OPTIMIZER or optimizer not in OPTIMIZER_DEFAULTS:
        return settings
    return {**settings, "learning_rate": OPTIMIZER_DEFAULTS[optimizer]["learning_rate"]}


def kept_settings(run_dir: str | Path | None, chosen: dict[str, Any]) -> dict[str, Any]:
    """Returns a run's settings as its folder has them: the rules depend on the machine, which may have changed since.

    Args:
        run_dir: The run folder; None or empty if there is none.
        chosen: The settings by the rules, for a run that has taken no step: one that was refused may get others.
    """
    if not run_dir:
        return chosen
    folder = Path(run_dir).expanduser()
    try:
        stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(stored, dict) or has_only_begun(folder):
            return chosen
    except (OSError, ValueError, RecursionError):
        return chosen  # The run itself reports what is wrong with the file.
    # Without a number, they were left to a time budget.
    kept = {name: stored[name] for name in chosen if name in stored and (name, stored[name]) != ("epochs", None)}
    return {**chosen, **{name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}}


def batch_size(training_images: int) -> int:
    """Returns a power of 2 that gives an epoch of a search, on half of the images, at least a few steps.

    Args:
        training_images: Images of the training part.
    """
    fitting = max(SMALLEST_BATCH, training_images // 2 // FEWEST_STEPS)
    return min(LARGEST_BATCH, 2 ** int(math.log2(fitting)))


def _network(kind: str, images: Images, effort: Effort, hours: float, cpus: int | None) -> tuple[int, int]:
    """Returns cells and channels."""
    is_tiny = min(images.height, images.width) <= TINY_SIDE
    most_cells = CELLS_OF_TINY_IMAGES if is_tiny else effort.largest[0]
    fewest_channels = CHANNELS_OF_MANY_CLASSES if images.classes > MANY_CLASSES else 0
    allowed = [
        (min(cells, most_cells), channels)
        for cells, channels in SIZES[kind]
        if fewest_channels <= channels <= effort.largest[1]
    ]
    speed = min(MOST_CPUS, (usable_cpus() or CPUS_OF_THE_FIT) if cpus is None else cpus) / CPUS_OF_THE_FIT
    factor = SEARCH_FACTOR if kind == SEARCH else 1.0
    shown_images = effort.epochs[kind] * images.training_images * factor / speed

    def has_time(size: tuple[int, int]) -> bool:
        return shown_images * seconds_of_an_image(*size, images.height * images.width) <= hours * SECONDS_OF_AN_HOUR

    return next((size for size in reversed(allowed) if has_time(size)), allowed[0])
