"""Command-line flags, generated from the fields of the configs; the only module that imports absl.flags."""

import dataclasses
import typing
from collections.abc import Callable, Sequence, Set
from typing import Any, TypeVar

from absl import flags

from eoinas_tf.config import EvaluationConfig, RunConfig, SearchConfig, check_setting, refuse_epochs_beside_hours
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.flag_help import element_type, setting_help, text_of

Config = TypeVar("Config", bound=RunConfig)
Completion = Callable[[dict[str, Any], Set[str]], dict[str, Any]]
LONGEST_RECEIVED = 60


class _FieldParser(flags.ArgumentParser):
    """Turns a flag's text into a setting's value and checks it against the setting's bounds."""

    def __init__(self, field: dataclasses.Field, element_type: type, is_tuple: bool) -> None:
        super().__init__()
        self.field = field
        self.element_type = element_type
        self.is_tuple = is_tuple
        self.syntactic_help = self.flag_type()

    def flag_type(self) -> str:
        """Returns the type's name for --help."""
        name = self.element_type.__name__
        return f"comma-separated {name}" if self.is_tuple else name

    def parse(self, argument: Any) -> Any:
        """Returns the value, or raises a ConfigurationError, which absl passes on unchanged."""
        if argument is None or not isinstance(argument, str):
            return argument
        text = argument
        if self.field.metadata["is_size"]:
            text = text.lower().replace("x", ",")
            text = text if "," in text else f"{text},{text}"
        try:
            if self.is_tuple:
                value: Any = tuple(self.element_type(part.strip()) for part in text.split(","))
            else:
                value = self.element_type(text)
        except ValueError:
            kind = "whole number" if self.element_type is int else "number"
            wanted = f"{kind}s with commas between" if self.is_tuple else f"a {kind}"
            raise _wrong_value(self.field.name, wanted, argument) from None
        check_setting(self.field, value)
        return value


class _SwitchParser(flags.BooleanParser):
    """Like absl's, but with an error that says what to write."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def parse(self, argument: Any) -> bool:
        """Returns the value, or raises a ConfigurationError."""
        try:
            return super().parse(argument)
        except (TypeError, ValueError):
            raise _wrong_value(self.name, f"true or false: write --{self.name} or --no{self.name}", argument) from None


def _wrong_value(name: str, wanted: str, received: Any) -> ConfigurationError:
    text = str(received)
    shown = text if len(text) <= LONGEST_RECEIVED else f"{text[: LONGEST_RECEIVED - 3]}..."
    return ConfigurationError(f"--{name} must be {wanted}. Received: {shown or 'nothing'}")


class _TupleSerializer(flags.ArgumentSerializer):
    def serialize(self, value: Any) -> str:
        return text_of(value)


def define_flags(config_class: type[RunConfig], flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines one flag for each setting of a config class.

    Args:
        config_class: `SearchConfig` or `EvaluationConfig`.
        flag_values: Receives the flags.
    """
    hints = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        kind, is_tuple = element_type(hints[field.name])
        help_text = setting_help(config_class, field)
        if kind is bool:
            switch = flags.BooleanFlag(field.name, field.default, help_text)
            switch.parser = _SwitchParser(field.name)
            flags.DEFINE_flag(switch, flag_values=flag_values, module_name=__name__)
            continue
        if field.metadata["choices"]:
            help_text += f" One of: {', '.join(field.metadata['choices'])}."
        flags.DEFINE(
            _FieldParser(field, kind, is_tuple),
            field.name,
            field.default,
            help_text,
            flag_values=flag_values,
            serializer=_TupleSerializer() if is_tuple else flags.ArgumentSerializer(),
            module_name=__name__,
        )


def config_from_flags(
    config_class: type[Config], flag_values: flags.FlagValues = flags.FLAGS, complete: Completion | None = None
) -> Config:
    """Returns the frozen config that holds the flags' values.

    Args:
        config_class: The class whose flags were defined.
        flag_values: Holds the parsed flags.
        complete: Returns the values from which the config is made, given those of all flags and the names of the flags
            on the command line or in a flagfile.

    Returns:
        The config.

    Raises:
        ConfigurationError: Two settings contradict each other.
    """
    names = [field.name for field in dataclasses.fields(config_class)]
    values = {name: flag_values[name].value for name in names}
    given = frozenset(name for name in names if flag_values[name].present)
    refuse_epochs_beside_hours(given)
    if complete is not None:
        values = complete(values, given)
    return config_class(**values)


def config_from_arguments(
    config_class: type[Config], arguments: Sequence[str], others: Sequence[str] | None = None
) -> Config:
    """Returns the frozen config that a command line describes; this process's own flags are ignored.

    Args:
        config_class: The class whose flags the command has.
        arguments: The command line without the command's name, optionally with `--flagfile=`.
        others: Names of further flags of the command, which are ignored like those of absl; None: both are refused.

    Returns:
        The config.

    Raises:
        ConfigurationError: A flag is unknown or has a wrong value, a flagfile cannot be read, or two
            settings contradict each other.
    """
    flag_values = flags.FlagValues()
    define_flags(config_class, flag_values)
    ignored = () if others is None else (f"--undefok={','.join((*others, *flags.FLAGS))}",)
    try:
        _, *rest = flag_values(["command", *ignored, *arguments])
    except (flags.Error, ValueError) as error:
        raise ConfigurationError(str(error)) from None
    if rest:
        raise ConfigurationError(f"unexpected argument {rest[0]!r}: every setting is a flag, --name=value")
    return config_from_flags(config_class, flag_values)


__all__ = ["EvaluationConfig", "SearchConfig", "config_from_arguments", "config_from_flags", "define_flags"]
