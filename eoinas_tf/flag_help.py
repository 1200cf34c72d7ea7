"""The text of `--help`: every setting of a command with its type, default and bounds, in groups."""

import dataclasses
import shutil
import textwrap
import types
import typing
from typing import Any

from eoinas_tf.config import RunConfig, SearchConfig
from eoinas_tf.preset_files import AUTOMATIC, preset_names
from eoinas_tf.search_methods import SEARCH_METHODS, methods_with

NARROWEST, WIDEST = 72, 100
# Each setting belongs to one group, and has a fixed place in it.
SETTING_GROUPS: dict[str, tuple[str, ...]] = {
    "data": (
        "dataset", "data_dir", "download", "image_size", "resize_side", "on_bad_image", "split_seed", "normalization",
        "crop", "crop_padding", "horizontal_flip", "color_jitter", "hue_jitter", "cutout_length",
        "randaugment_layers", "randaugment_magnitude", "random_erasing_probability", "mixup_alpha", "cutmix_alpha",
        "num_classes", "validation_fraction",
    ),
    "size": (
        "genotype", "network", "cells", "init_channels", "stem", "max_parameters", "max_multiply_adds",
        "max_peak_memory_mib", "max_latency_ms", "operation_modules", "pytorch_weights", "initial_weights",
    ),
    "schedule": (
        "epochs", "hours", "steps_per_epoch", "batch_size", "seed",
        "warmup_epochs", "pruning_after_epoch", "pruning_every_epochs",
        "weights_learning_rate", "weights_learning_rate_end", "weights_learning_rate_schedule",
        "weights_momentum", "weights_l2",
        "optimizer", "learning_rate", "learning_rate_end", "learning_rate_schedule", "learning_rate_updates",
        "momentum", "l2", "weight_decay", "ema_decay",
        "gradient_clip_norm", "drop_path", "label_smoothing", "auxiliary_weight", "class_weights", "max_steps",
        "keep_best", "early_stopping_epochs", "freeze_backbone_epochs",
    ),
    "method": (
        "method", "operations", "num_seeds", "select_from", "max_skip_connections",
        "architecture_learning_rate", "architecture_beta_1", "architecture_beta_2", "architecture_l2",
        "temperature_start", "temperature_end", "importance_weight", "importance_iterations", "edge_ranking",
        "stage_warmup", "depth_growth", "operations_kept", "skip_dropout",
        "probability_learning_rate", "random_search_cells",
    ),
    "hardware": (
        "strategy", "logical_cpus", "mixed_precision", "accumulation_steps", "steps_per_call", "deterministic",
    ),
    "output": (
        "run_dir", "export_formats", "calibration_images", "latency_threads", "tensorboard",
        "checkpoint_every_epochs", "checkpoint_every_steps",
        "keep_checkpoints", "quiet", "describe", "measure", "list_genotypes", "json",
    ),
}  # fmt: skip


def command_help(config_class: type[RunConfig], program: str, about: str, width: int | None = None) -> str:
    """Returns the help of a command.

    Args:
        config_class: `SearchConfig` or `EvaluationConfig`.
        program: Name of the command.
        about: What it does, in one sentence.
        width: Number of columns; by default those of the terminal.
    """
    if width is None:
        width = min(WIDEST, max(NARROWEST, shutil.get_terminal_size().columns))
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    hints = typing.get_type_hints(config_class)
    lines = [
        *([*textwrap.wrap(about, width), ""] if about else []),
        f"usage: {program} --run_dir=FOLDER [--preset=NAME] [--NAME=VALUE ...]",
        "",
        *_entry("--flagfile=FILE", ["Reads settings from a file, one a line; the last one of a name counts."], width),
        *_entry("--preset=NAME", [f"Reads a preset's settings. {_preset_words()}"], width),
        *_entry("-h, --help", ["Prints this."], width),
        *_entry("--version", ["Prints the version."], width),
    ]
    for group, names in SETTING_GROUPS.items():
        members = [name for name in names if name in fields]
        if members:
            lines += ["", f"{group}:"]
        for name in members:
            lines += _entry(_title(fields[name], hints[name]), setting_paragraphs(config_class, fields[name]), width)
    return "\n".join(lines) + "\n"


def _preset_words() -> str:
    return f"One of: {', '.join(preset_names())}; or {AUTOMATIC}: sizes that fit the images, the machine and the time."


def setting_help(config_class: type[RunConfig], field: dataclasses.Field) -> str:
    """Returns a setting's help with the methods that have it and its value for each, without its bounds.

    Args:
        config_class: The config.
        field: A field of it, made by `setting`.
    """
    text = field.metadata["help"]
    if (default := field.metadata["method_default"]) is not None:
        text += f" With --method={', '.join(methods_with(field.name))} only"
        text += "." if callable(default) else f"; default there: {text_of(default)}."
    for method, entry in SEARCH_METHODS.items():
        if config_class is SearchConfig and field.name in entry.defaults:
            text += f" Default with --method={method}: {text_of(entry.defaults[field.name])}."
    return text


def text_of(value: Any) -> str:
    """Returns a setting's value as written on the command line."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def element_type(hint: Any) -> tuple[type, bool]:
    """Returns the type of a setting's value or of its elements, and whether it is a tuple.

    Args:
        hint: The type of its field.
    """
    if isinstance(hint, types.UnionType):
        (hint,) = (option for option in typing.get_args(hint) if option is not types.NoneType)
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], True
    return hint, False


def setting_form(field: dataclasses.Field, hint: Any) -> str:
    """Returns a flag as it is typed: `--epochs=INTEGER`.

    Args:
        field: A field of a config, made by `setting`.
        hint: The type of the field.
    """
    kind, is_tuple = element_type(hint)
    if kind is bool:
        return f"--[no]{field.name}"
    word = {int: "INTEGER", float: "NUMBER", str: "TEXT"}[kind]
    word = f"{word},..." if is_tuple else word
    if field.metadata["is_size"]:
        word = "H,W"
    return f"--{field.name}={word}"


def setting_default(field: dataclasses.Field) -> str:
    """Returns a setting's default in readable form; empty if the data or other settings decide it.

    Args:
        field: A field of a config, made by `setting`.
    """
    if isinstance(field.default, bool):
        return "yes" if field.default else "no"
    candidates = (field.default, field.metadata["usual"], field.metadata["method_default"])
    default = next((value for value in candidates if value is not None), None)
    return "" if default in (None, "") or callable(default) else text_of(default)


def setting_paragraphs(config_class: type[RunConfig], field: dataclasses.Field) -> list[str]:
    """Returns the help text with its bounds, then, for the setting that chooses the method, a line for each method.

    Args:
        config_class: The config.
        field: A field of it, made by `setting`.
    """
    text, bounds = setting_help(config_class, field), field.metadata
    if bounds["choices"] and field.name != "method":
        text += f" One of: {', '.join(bounds['choices'])}."
    limits = [f"{word} {bounds[side]}" for word, side in (("from", "minimum"), ("to", "maximum"))
              if bounds[side] is not None and bounds[side] < 2**31 - 1]  # fmt: skip
    if limits:
        text += f" {' '.join(limits).capitalize()}."
    if field.name != "method":
        return [text]
    return [text, *(f"  {name}: {entry.summary}" for name, entry in SEARCH_METHODS.items())]


def _title(field: dataclasses.Field, hint: Any) -> str:
    """Returns a flag with its default: `--epochs=INTEGER  (default: 160)`."""
    default = setting_default(field)
    return setting_form(field, hint) + (f"  (default: {default})" if default else "")


def _entry(title: str, paragraphs: list[str], width: int) -> list[str]:
    lines = [f"  {title}"]
    for paragraph in paragraphs:
        own = len(paragraph) - len(paragraph.lstrip())
        lines += textwrap.wrap(
            paragraph.strip(), width, initial_indent=" " * (6 + own), subsequent_indent=" " * (6 + 2 * own),
            break_on_hyphens=False,
        )  # fmt: skip
    return lines
