"""Trains, tests and exports a genotype's network: `python run_eval.py --genotype=DARTS_V2 --run_dir=runs/b`."""

import json
import os
import sys

from eoinas_tf.command_line import run_command
from eoinas_tf.config import EvaluationConfig
from eoinas_tf.enduring_output import has_reader
from eoinas_tf.lean_imports import lean_imports


def evaluate(config: EvaluationConfig) -> None:
    """Runs the training that the flags describe, or prints sizes where `--describe` or `--list_genotypes` asks for it.

    Args:
        config: The settings.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Here and not above, so that a wrong flag is answered before TensorFlow is loaded.
    if config.list_genotypes:
        from eoinas_tf.evaluation.genotype_table import genotype_table

        for line in genotype_table():
            print(line, flush=True)
            if not has_reader(sys.stdout):
                break
        return
    if config.describe:
        from eoinas_tf.evaluation.network_description import describe_network

        sys.stdout.write(json.dumps(describe_network(config)) + "\n")
        return
    with lean_imports():
        from eoinas_tf.evaluation.evaluation_loop import run_evaluation

    run_evaluation(config)


if __name__ == "__main__":
    run_command(EvaluationConfig, evaluate)
