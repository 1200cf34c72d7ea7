"""The command that made a run, and the command to run next."""

import dataclasses
import os
import shlex
from pathlib import Path
from typing import Any

from eoinas_tf.config import (
    ARRAYS,
    CELLS,
    CELLS_IN_PYTHON,
    IMAGE_SETTINGS,
    SETTINGS_OF_CELLS,
    EvaluationConfig,
    RunConfig,
    SearchConfig,
)
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.genotype_settings import settings_beside
from eoinas_tf.experiment.report.run_record import RunRecord
from eoinas_tf.experiment.report.settings_as_flags import command_line, given_settings

# For `python -m eoinas_tf`, which works in its repository and wherever the package is installed.
SUBCOMMANDS = {SearchConfig.__name__: "search", EvaluationConfig.__name__: "eval"}
TRAINING = SUBCOMMANDS[EvaluationConfig.__name__]
# Settings that a final training run should share with the search that found its cells.
SHARED_SETTINGS = (
    "dataset", "data_dir", "image_size", "on_bad_image", "crop_padding", "horizontal_flip", "class_weights",
    *SETTINGS_OF_CELLS,
)  # fmt: skip
# The default settings are those of the paper's training on these.
DATA_SETS_OF_THE_PAPER = ("cifar10", "cifar100")
# Chooses cells, channels and epochs by the images; the command line knows it, not the config.
SIZES_THAT_FIT = {"preset": "auto"}


def run_command_line(record: RunRecord) -> str | None:
    """Returns the command that makes the same run: its settings that differ from the defaults.

    Args:
        record: The finished run.

    Returns:
        The command; None if Python gave the run its images, which no command knows.
    """
    if record.settings.get("dataset") == ARRAYS:
        return None
    given = record.settings if record.config is None else _named_settings(record, record.config)
    # The folder keeps its first command's settings; a run that is finished was continued without --max_steps.
    left_out = ("kind",) if record.summary.get("finished") is False else ("kind", "max_steps")
    given = {name: value for name, value in given.items() if name not in left_out and value is not None}
    return command_line(SUBCOMMANDS[record.settings["kind"]], {"run_dir": str(record.folder), **given})


def next_command_line(record: RunRecord) -> tuple[str, str]:
    """Returns the next thing to do, in words and as a command.

    Args:
        record: The finished run.
    """
    if record.is_search:
        genotype = str(record.folder / "genotype.json")
        if record.settings.get("dataset") == ARRAYS:
            # No command knows the images.
            words = f'Train the final network from Python: eoinas_tf.train("{genotype}", (x, y)). '
            if record.settings.get("tensorboard"):
                return words + "Look at the curves:", shlex.join(["tensorboard", f"--logdir={record.folder}"])
            return words + "Make the page of the search again:", shlex.join(
                ["python", "-m", "eoinas_tf", "report", str(record.folder)]
            )
        # A folder given as `.` or `..` has no name of its own.
        searched = record.folder if record.folder.name.strip(".") else Path(os.path.abspath(record.folder))
        folder = searched.with_name(f"{searched.name}_eval")
        flags: dict[str, Any] = {"run_dir": str(folder), "genotype": genotype}
        words = "Train and test the found cells in a network of a size that fits the images:"
        settings = record.settings
        if settings.get("dataset") in DATA_SETS_OF_THE_PAPER and settings.get("image_size") is None:
            words = "Train and test the final network of the found cells:"
        else:
            flags = {**SIZES_THAT_FIT, **flags}
        defaults = {field.name: field.default for field in dataclasses.fields(EvaluationConfig)}
        flags |= {
            name: value
            for name in SHARED_SETTINGS
            if name in defaults and (value := record.settings.get(name)) not in (None, defaults[name])
        }
        return words, command_line(TRAINING, flags)
    curves = shlex.join(["tensorboard", f"--logdir={record.folder}"])
    if record.summary.get("finished") is False:
        if record.settings.get("dataset") == ARRAYS:
            return "Go on with the training from Python, without max_steps. Look at the curves:", curves
        whole = dataclasses.replace(record.config, max_steps=0) if record.config else None
        given = _named_settings(record, whole) if whole else {}
        return "Go on with the training, which --max_steps ended:", command_line(
            TRAINING, {"run_dir": str(record.folder), **given}
        )
    if "saved_model" in record.summary or any(name in record.summary for name in record.exports):
        words = "Classify an image (docs/serving.md says how to serve the network):"
        return words, shlex.join(["python", "-m", "eoinas_tf", "predict", f"--model={record.folder}", "IMAGE"])
    return "Look at the curves:", curves


def _named_settings(record: RunRecord, config: RunConfig) -> dict[str, Any]:
    """Returns the settings that a command has to name to make a config, without the run's folder."""
    named = given_settings(config)
    if not isinstance(config, EvaluationConfig) or config.network != CELLS:
        return named
    if config.genotype == CELLS_IN_PYTHON:
        named["genotype"] = str(record.folder / CELLS_IN_PYTHON)
    return {**_settings_of_other_images(config, named.get("genotype", "")), **named}


def _settings_of_other_images(config: EvaluationConfig, genotype: str) -> dict[str, Any]:
    """Returns settings that the command would take from the run of its genotype; this run has other values."""
    try:
        _, stored = settings_beside(genotype) or (None, {})
    except ConfigurationError:  # The command will say so.
        return {}
    return {
        name: value
        for name in ("dataset", *IMAGE_SETTINGS, *SETTINGS_OF_CELLS)
        if (value := getattr(config, name)) is not None
        and stored.get(name, value) != (list(value) if isinstance(value, tuple) else value)
    }
