"""The command `run_eval.py`, also called `eoinas eval`."""

import json
import sys

from eoinas_tf.command_line import run_command
from eoinas_tf.commands.automatic_preset import for_training
from eoinas_tf.commands.lean_imports import lean_imports
from eoinas_tf.config import EvaluationConfig
from eoinas_tf.enduring_output import has_reader
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.inherited_settings import with_inherited_settings
from eoinas_tf.resource_usage import seconds_since_process_start

ABOUT = "Trains, tests and exports the network of a genotype, or describes it."


def evaluate(config: EvaluationConfig) -> None:
    """Runs the training that the flags describe, or prints sizes with `--describe` or `--list_genotypes`.

    Args:
        config: The settings.
    """
    if config.measure and not config.describe:
        raise ConfigurationError(
            "--measure describes a network that is not trained; add --describe, or leave it out: a training measures "
            "its exports. Received: --measure"
        )
    if config.list_genotypes:
        print_genotypes(config.json)
        return
    # Imported here, so that a wrong flag is reported before TensorFlow is loaded.
    if config.describe:
        print_description(config)
        return
    with lean_imports():
        from eoinas_tf.evaluation.evaluation_loop import run_evaluation

    run_evaluation(config, seconds_before=seconds_since_process_start())


def print_genotypes(as_json: bool) -> None:
    """Prints the published genotypes; TensorFlow is not needed.

    Args:
        as_json: Whether to print JSON, for programs.
    """
    from eoinas_tf.evaluation.genotype_table import genotype_records, genotype_table

    for line in [json.dumps(genotype_records())] if as_json else genotype_table():
        print(line, flush=True)
        if not has_reader(sys.stdout):
            break


def print_description(config: EvaluationConfig) -> None:
    """Prints a network's size: as lines on a terminal, as one JSON line into a pipe or file or with `--json`.

    Args:
        config: The settings.
    """
    with lean_imports():
        from eoinas_tf.evaluation.network_description import describe_network, description_text

    description = describe_network(config)
    is_for_people = sys.stdout.isatty() and not config.json
    sys.stdout.write(description_text(description) if is_for_people else json.dumps(description) + "\n")


def main() -> None:
    """Reads the command line and runs the command."""
    run_command(EvaluationConfig, evaluate, ABOUT, with_inherited_settings, for_training)
