"""Command-line flags, made from the fields of the configs; the only module that imports absl.flags."""

import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

from absl import flags

from eoinas_tf.config import EvaluationConfig, RunConfig, SearchConfig, check_setting
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.search_methods import SEARCH_METHODS, methods_with

Config = TypeVar("Config", bound=RunConfig)


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
        """Returns the value; raises ValueError where the text is none or the value is out of bounds."""
        if argument is None or not isinstance(argument, str):
            return argument
        try:
            if self.is_tuple:
                value: Any = tuple(self.element_type(part.strip()) for part in argument.split(","))
            else:
                value = self.element_type(argument)
        except ValueError:
            kind = "whole number" if self.element_type is int else "number"
            raise ValueError(f"must be {kind}s with commas between" if self.is_tuple else f"must be a {kind}") from None
        try:
            check_setting(self.field, value)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return value


class _TupleSerializer(flags.ArgumentSerializer):
    def serialize(self, value: Any) -> str:
        return _text(value)


def define_flags(config_class: type[RunConfig], flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines one flag for each setting of a config class.

    Args:
        config_class: `SearchConfig` or `EvaluationConfig`.
        flag_values: Where the flags are defined.
    """
    hints = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        element_type, is_tuple = _element_type(hints[field.name])
        help_text = field.metadata["help"]
        if (default := field.metadata["method_default"]) is not None:
            help_text += f" With --method={', '.join(methods_with(field.name))} only"
            help_text += "." if callable(default) else f"; default there: {_text(default)}."
        for method, entry in SEARCH_METHODS.items():
            if config_class is SearchConfig and field.name in entry.defaults:
                help_text += f" Default with --method={method}: {_text(entry.defaults[field.name])}."
        if element_type is bool:
            flags.DEFINE_boolean(field.name, field.default, help_text, flag_values=flag_values, module_name=__name__)
            continue
        if field.metadata["choices"]:
            help_text += f" One of: {', '.join(field.metadata['choices'])}."
        flags.DEFINE(
            _FieldParser(field, element_type, is_tuple),
            field.name,
            field.default,
            help_text,
            flag_values=flag_values,
            serializer=_TupleSerializer() if is_tuple else flags.ArgumentSerializer(),
            module_name=__name__,
        )


def config_from_flags(config_class: type[Config], flag_values: flags.FlagValues = flags.FLAGS) -> Config:
    """Returns the frozen config that holds the flags' values.

    Args:
        config_class: The class whose flags were defined.
        flag_values: Where they were defined, parsed.

    Returns:
        The config.

    Raises:
        ConfigurationError: Two settings contradict each other.
    """
    return config_class(**{field.name: flag_values[field.name].value for field in dataclasses.fields(config_class)})


def config_from_arguments(config_class: type[Config], arguments: Sequence[str]) -> Config:
    """Returns the frozen config that a command line describes; this process's own flags have no part in it.

    Args:
        config_class: The class whose flags the command has.
        arguments: The command line without the command's name, `--flagfile=` among them where wanted.

    Returns:
        The config.

    Raises:
        ConfigurationError: A flag is unknown or has a wrong value, a flagfile cannot be read, or two
            settings contradict each other.
    """
    flag_values = flags.FlagValues()
    define_flags(config_class, flag_values)
    try:
        _, *rest = flag_values(["command", *arguments])
    except (flags.Error, ValueError) as error:
        raise ConfigurationError(str(error)) from None
    if rest:
        raise ConfigurationError(f"unexpected argument {rest[0]!r}: every setting is a flag, --name=value")
    return config_from_flags(config_class, flag_values)


def _text(value: Any) -> str:
    """Returns a setting's value as one writes it on the command line."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _element_type(hint: Any) -> tuple[type, bool]:
    """Returns the type of a setting's value or of its elements, and whether it is a tuple."""
    if isinstance(hint, types.UnionType):
        (hint,) = (option for option in typing.get_args(hint) if option is not types.NoneType)
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], True
    return hint, False


__all__ = ["EvaluationConfig", "SearchConfig", "config_from_arguments", "config_from_flags", "define_flags"]
