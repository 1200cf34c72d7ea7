"""Settings that a training run takes from the run that its genotype comes from, unless the user gives others."""

import dataclasses
import os
import sys
from collections.abc import Set
from typing import Any

from eoinas_tf.config import CELLS, IMAGE_SETTINGS, SETTINGS_OF_CELLS, EvaluationConfig, check_setting, expanded_setting
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.weight_source import read_weight_source
from eoinas_tf.experiment.genotype_settings import settings_beside
from eoinas_tf.experiment.report.settings_as_flags import flag_text

# With those of the operations that the genotype may name.
SETTINGS_OF_SEARCH = (*SETTINGS_OF_CELLS, *IMAGE_SETTINGS)


def with_inherited_settings(values: dict[str, Any], given: Set[str]) -> tuple[dict[str, Any], Set[str]]:
    """Fills in settings that were not given, and says so on stderr.

    Settings of the network come from `initial_weights`. Those of the images come from the config.json beside the
    genotype file; if another data set is given, the data set and everything that depends on it are left alone.

    Args:
        values: A value for each setting of `EvaluationConfig`, not yet checked together.
        given: The settings that the user gave, on the command line or in a flagfile.

    Returns:
        The settings, including those of the genotype's run, and the names of those that are determined: given, or taken
        from there, whether or not the value is the usual one.

    Raises:
        ConfigurationError: The file cannot be read, a value in it is not valid for its setting, or a setting differs
            from that of the network that the weights belong to.
        WeightsError: `initial_weights` names no network.
    """
    if values["initial_weights"]:
        source = read_weight_source(os.path.expanduser(values["initial_weights"]))
        own = source.missing_settings({name: values[name] for name in given})
        taken = {name: value for name, value in own.items() if value != values[name]}
        _say(source.path, taken, values)
        values, given = {**values, **taken}, given | own.keys()
    beside = settings_beside(os.path.expanduser(values["genotype"])) if values["network"] == CELLS else None
    if beside is None:
        return values, given
    file, stored = beside
    fields = {field.name: field for field in dataclasses.fields(EvaluationConfig)}
    dataset = expanded_setting(fields["dataset"], values["dataset"])
    searched = expanded_setting(fields["dataset"], stored.get("dataset"))
    is_same = "dataset" not in given or dataset == searched
    wanted = (*SETTINGS_OF_CELLS, *(("dataset", *IMAGE_SETTINGS) if is_same else ()))
    own = {}
    for name in wanted:
        if name in given or name not in stored:
            continue
        value = stored[name]
        value = tuple(value) if isinstance(value, list) else value
        try:
            check_setting(fields[name], value)
        except ConfigurationError as error:
            raise ConfigurationError(f"{file}: {error}; correct it there, or give --{name}") from None
        own[name] = value
    taken = {name: value for name, value in own.items() if value != values[name]}
    _say(str(file), taken, values)
    return {**values, **taken}, given | own.keys()


def _say(source: str, taken: dict[str, Any], values: dict[str, Any]) -> None:
    if taken and not values.get("quiet"):
        print(f"from {source}: {' '.join(flag_text(name, value) for name, value in taken.items())}", file=sys.stderr)
