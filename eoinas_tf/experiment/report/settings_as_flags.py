"""Settings written as the flags of a command."""

import dataclasses
import shlex
from typing import Any

from eoinas_tf.config import SCHEDULE_SETTINGS, RunConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError


def command_line(subcommand: str, settings: dict[str, Any]) -> str:
    """Returns a command to type in a shell.

    Args:
        subcommand: `search` or `eval`.
        settings: Values by name.
    """
    return shlex.join(
        ["python", "-m", "eoinas_tf", subcommand, *(flag_text(name, value) for name, value in settings.items())]
    )


def flag_text(name: str, value: Any) -> str:
    """Returns a setting as a flag.

    Args:
        name: The setting.
        value: Its value.
    """
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no{name}"
    return f"--{name}={','.join(map(str, value)) if isinstance(value, (list, tuple)) else value}"


def given_settings(config: RunConfig) -> dict[str, Any]:
    """Returns the smallest set of settings that makes a config, without the run's folder.

    If the run chose its epochs by `hours`, they hold the epochs instead.

    Args:
        config: The config.
    """
    left_out = ("run_dir", *(("hours",) if config.epochs is not None else ()))
    fields = {field.name: field for field in dataclasses.fields(config)}
    given = {
        name: value
        for name, field in fields.items()
        if (value := getattr(config, name)) != field.default and name not in left_out
    }
    for name in list(given):
        if fields[name].default is None:  # The data, the method or other settings may already determine it.
            fewer = {other: value for other, value in given.items() if other != name}
            if _made_of(type(config), fewer) == _made_of(type(config), given):
                given = fewer
    if isinstance(config, SearchConfig) and given.keys() & set(
        SCHEDULE_SETTINGS
    ):  # A complete schedule is taken as given, a partial one is checked.
        given |= {name: getattr(config, name) for name in SCHEDULE_SETTINGS if getattr(config, name) is not None}
    return given


def _made_of(kind: type[RunConfig], given: dict[str, Any]) -> RunConfig | None:
    try:
        return kind(**given)
    except ConfigurationError:
        return None
