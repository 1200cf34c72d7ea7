"""Turns keyword arguments, named like the flags, into the frozen settings that the commands use."""

import dataclasses
import difflib
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from eoinas_tf.config import RunConfig, refuse_epochs_beside_hours
from eoinas_tf.errors import ConfigurationError, StorageError

Config = TypeVar("Config", bound=RunConfig)

# The effects of these last as long as the process, which here is the user's own.
LASTING = {
    "deterministic": "call tf.config.experimental.enable_op_determinism() yourself before",
    "strategy": "run run_search.py or run_eval.py, which is a process of its own",
}
COMMANDS = {"search": "run_search.py", "training": "run_eval.py"}
RUNS_FOLDER = Path("runs")


def make_config(config_class: type[Config], kind: str, run_dir: Any, dataset: str, settings: dict[str, Any]) -> Config:
    """Makes a run's settings.

    Args:
        config_class: The kind of settings.
        kind: The kind of run, `search` or `training`; a new folder is named after it.
        run_dir: The run folder; None: a new one.
        dataset: The setting `dataset`.
        settings: The other settings by flag name; lists are turned into tuples.

    Raises:
        ConfigurationError: A setting is unknown, wrong, or would affect more than the run.
    """
    checked_config(config_class, kind, dataset, settings)  # Before a folder is made.
    # Made from the given values again: in a copy, a schedule derived from the epochs would count as the user's own.
    folder = str(run_dir if run_dir is not None else _new_folder(kind))
    return config_class(dataset=dataset, run_dir=folder, **_values(settings))


def checked_config(config_class: type[Config], kind: str, dataset: str, settings: dict[str, Any]) -> Config:
    """Makes the settings of a run without a folder.

    Args:
        config_class: The kind of settings.
        kind: The kind of run, `search` or `training`, for messages.
        dataset: The setting `dataset`.
        settings: The other settings by flag name; lists are turned into tuples.

    Raises:
        ConfigurationError: A setting is unknown, wrong, or would affect more than the run.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(config_class)}
    for name, value in settings.items():
        if name not in defaults or name in ("dataset", "run_dir"):
            close = difflib.get_close_matches(name, defaults, n=1)
            hint = f"; is it {close[0]}?" if close else f"; the settings are the flags of {COMMANDS[kind]} --help"
            raise ConfigurationError(f"{name} is not a setting of a {kind}{hint} Received: {name}={value!r}")
        if name in LASTING and value != defaults[name]:
            raise ConfigurationError(
                f"{name} would change this process beyond the run; {LASTING[name]}. Received: {name}={value!r}"
            )
    values = _values(settings)
    refuse_epochs_beside_hours({name for name, value in values.items() if value is not None})
    return config_class(dataset=dataset, run_dir="", **values)


def _values(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings in the form in which a config holds them."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    if "image_size" in values:
        values["image_size"] = size_of(values["image_size"])
    return values


def size_of(value: Any) -> Any:
    """Returns an image size as the settings hold it; they check it.

    Args:
        value: The setting `image_size`: height and width in pixels, one number for both, or None.
    """
    if value is None or isinstance(value, str):
        return value
    return tuple(value) if isinstance(value, Iterable) else (value, value)


def _new_folder(kind: str) -> Path:
    """Makes the first folder of runs/<kind>_1, runs/<kind>_2, ... that does not exist yet."""
    for number in itertools.count(1):
        folder = RUNS_FOLDER / f"{kind}_{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise StorageError(f"{folder} cannot be made: {error.strerror}; give run_dir") from None
        return folder
    raise AssertionError("unreachable: counting does not end")
