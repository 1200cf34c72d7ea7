"""The command `eoinas describe`: `run_eval.py --describe`, with the genotype as an optional first argument."""

import sys

from eoinas_tf.command_line import run_command
from eoinas_tf.commands.automatic_preset import for_training
from eoinas_tf.commands.evaluation import print_description
from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.inherited_settings import with_inherited_settings

ABOUT = "Prints the size of a genotype's network: eoinas describe DARTS_V2 --dataset=cifar10. Trains nothing."


def describe(config: EvaluationConfig) -> None:
    """Prints the size of the network that the flags describe.

    Args:
        config: The settings.
    """
    print_description(config)


def main() -> None:
    """Reads the command line and describes the network."""
    if sys.argv[1:] and not sys.argv[1].startswith("-"):
        sys.argv[1] = f"--genotype={sys.argv[1]}"
    run_command(EvaluationConfig, describe, ABOUT, with_inherited_settings, for_training)
