"""The command `run_search.py`, also called `eoinas search`."""

from collections.abc import Set
from typing import Any

from eoinas_tf.command_line import run_command
from eoinas_tf.commands.automatic_preset import for_search
from eoinas_tf.commands.lean_imports import lean_imports
from eoinas_tf.config import SearchConfig
from eoinas_tf.resource_usage import seconds_since_process_start

ABOUT = "Searches for a convolutional cell on the images of a data set, and writes it to RUN_DIR/genotype.json."


def search(config: SearchConfig) -> None:
    """Runs the searches that the flags describe.

    Args:
        config: The settings.
    """
    # Imported here, so that a wrong flag is reported before TensorFlow is loaded.
    from eoinas_tf.search.seed_selection import search_seeds

    search_seeds(config, run_one_search)


def run_one_search(config: SearchConfig) -> None:
    """Runs one search in this process.

    Args:
        config: The search's settings.
    """
    with lean_imports():
        from eoinas_tf.search.search_loop import run_search

    run_search(config, seconds_before=seconds_since_process_start())


def inherit(values: dict[str, Any], given: Set[str]) -> tuple[dict[str, Any], Set[str]]:
    """Fills in what was not given with `--select_from`; see `with_images_of_choice`."""
    if values["select_from"] is None:
        return values, given
    from eoinas_tf.search.seed_selection import with_images_of_choice

    return with_images_of_choice(values, given)


def main() -> None:
    """Reads the command line and runs the search."""
    run_command(SearchConfig, search, ABOUT, inherit=inherit, complete_automatically=for_search)
