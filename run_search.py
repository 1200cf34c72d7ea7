"""Searches for an architecture: `python run_search.py --flagfile=flags/search_cifar10.flags --run_dir=runs/a`."""

import os

from eoinas_tf.command_line import run_command
from eoinas_tf.config import SearchConfig


def search(config: SearchConfig) -> None:
    """Runs the searches that the flags describe.

    Args:
        config: The settings.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Here and not above, so that a wrong flag is answered before TensorFlow is loaded.
    from eoinas_tf.search.seed_selection import search_seeds

    search_seeds(config)


if __name__ == "__main__":
    run_command(SearchConfig, search)
