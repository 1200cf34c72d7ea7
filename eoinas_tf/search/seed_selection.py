"""Several searches with different seeds, and their best cell by validation accuracy (section 4.2)."""

import dataclasses
import json
import logging
import multiprocessing
import sys
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

from eoinas_tf.config import SETTINGS_OF_CELLS, SearchConfig, expanded_setting
from eoinas_tf.enduring_output import enduring_output
from eoinas_tf.errors import ConfigurationError, EoinasError, StoppedError
from eoinas_tf.experiment.atomic_files import write_json, write_text
from eoinas_tf.experiment.report.run_commands import SHARED_SETTINGS, next_command_line
from eoinas_tf.experiment.report.run_record import read_run
from eoinas_tf.experiment.run_directory import SEED_FOLDER, RunDirectory
from eoinas_tf.search.search_comparison import check_comparable, read_search_settings
from eoinas_tf.search.search_schedule import check_pruning_schedule
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_modules import import_operations
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.training.console_text import broken_command

LOGGER = logging.getLogger(__name__)


def search_seeds(config: SearchConfig, run_one: Callable[[SearchConfig], None]) -> None:
    """Runs what the settings describe: one search, several, or the choice among finished ones.

    Args:
        config: The settings. With several seeds, seed s searches in `run_dir/seed_s`, and all searches divide the
            images by `config.split_seed`; a time budget is divided evenly, and all run the number of epochs that the
            first one chooses. If `max_steps` ends a search early, the later ones wait for the same command without it.
        run_one: Runs one search; a module-level function, because other processes call it too.

    Raises:
        EoinasError: A search failed, or its pruning schedule cannot search.
    """
    if config.select_from is not None:
        choice = choose_best([Path(folder) for folder in config.select_from])
        with RunDirectory(config) as run:
            choice.keep(run)
            _say_next(run)
        return
    check_pruning_schedule(config)  # Before TensorFlow is loaded; the search itself shows its warnings.
    if config.num_seeds == 1:
        run_one(config)
        return
    with RunDirectory(config) as run:
        folders = []
        for seed in range(config.seed, config.seed + config.num_seeds):
            folders.append(run.path / f"{SEED_FOLDER}{seed}")
            if not config.quiet:
                print(f"seed {seed}: {folders[-1]}", flush=True)
            _search_in_own_process(seed_config(run, seed, folders[-1]), run_one)
            keep_first_epochs(run, folders[-1])
            if config.max_steps and not (folders[-1] / "summary.json").exists():
                return
        choose_best(folders).keep(run)
        _say_next(run)


def _say_next(run: RunDirectory) -> None:
    words, command = next_command_line(read_run(run.path))
    print(f"{words}\n{broken_command(command)}")


def seed_config(run: RunDirectory, seed: int, folder: Path) -> SearchConfig:
    """Returns the settings of one of several searches, which divide a time budget evenly.

    Args:
        run: The open folder that holds all searches.
        seed: The search's own seed.
        folder: Its run folder.
    """
    config = run.config
    assert isinstance(config, SearchConfig)
    hours = None if config.hours is None else config.hours / config.num_seeds
    return config.changed(seed=seed, num_seeds=1, run_dir=str(folder), hours=hours)


def keep_first_epochs(run: RunDirectory, folder: Path) -> None:
    """Uses the first search's epochs, chosen by its time budget, for all: only then can they be compared.

    Args:
        run: The open folder that holds all searches.
        folder: The run folder of the first search, which has run.
    """
    if run.config.epochs is None:
        chosen = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        run.keep_epochs(chosen["epochs"], chosen.get("steps_per_epoch"))


class Choice(NamedTuple):
    """The best of finished searches.

    Args:
        genotype: Its cells.
        settings: What its config.json holds.
        comparison: A comparison of all, for summary.json.
    """

    genotype: Genotype
    settings: dict[str, Any]
    comparison: dict[str, Any]

    def keep(self, run: RunDirectory) -> None:
        """Writes the best search's genotype and the comparison, and logs what makes the comparison weak.

        Args:
            run: Receives genotype.json and summary.json.
        """
        write_text(run.genotype, self.genotype.to_json())
        write_json(run.summary, self.comparison)
        for warning in self.comparison["warnings"]:
            LOGGER.warning(warning)
        best, count = self.comparison["best"], len(self.comparison["searches"])
        print(f"best of {count}: {best}; its cell is in {run.genotype}")


def choose_best(folders: Sequence[Path]) -> Choice:
    """Chooses the search with the highest validation accuracy.

    Args:
        folders: Run folders of finished searches.

    Raises:
        ConfigurationError: A folder holds no finished search, or one that trained nothing, or the searches cannot be
            compared.
    """
    searches, settings = zip(*(_finished_search(folder) for folder in folders), strict=True)
    warnings = check_comparable(folders, settings)
    accuracies = [summary["validation_accuracy"] for summary, _ in searches]
    best = max(range(len(searches)), key=lambda position: accuracies[position])
    comparison = {
        "best": str(folders[best]),
        "validation_accuracy": accuracies[best],
        "mean_validation_accuracy": sum(accuracies) / len(accuracies),
        "searches": [
            {"run_dir": str(folder), **summary} for folder, (summary, _) in zip(folders, searches, strict=True)
        ],
        "warnings": list(warnings),
    }
    return Choice(searches[best][1], settings[best], comparison)


def with_images_of_choice(values: dict[str, Any], given: Set[str]) -> tuple[dict[str, Any], Set[str]]:
    """Fills in the images of the search that `select_from` chooses, which a training run of its cells takes from there.

    With another data set, only the modules of own operations are those of the search.

    Args:
        values: A value for each setting of `SearchConfig`, with `select_from`, not yet checked together.
        given: The settings that the user gave.

    Returns:
        The settings, and the names of those that are determined: given, or taken from the search.

    Raises:
        EoinasError: As for `choose_best`.
    """
    fields = {field.name: field for field in dataclasses.fields(SearchConfig)}
    folders = expanded_setting(fields["select_from"], values["select_from"])
    searched = choose_best([Path(folder) for folder in folders]).settings
    is_other = "dataset" in given and expanded_setting(fields["dataset"], values["dataset"]) != searched["dataset"]
    taken = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in searched.items()
        if name in (SETTINGS_OF_CELLS if is_other else SHARED_SETTINGS) and name not in given
    }
    return {**values, **taken}, given | taken.keys()


def _finished_search(folder: Path) -> tuple[tuple[dict, Genotype], dict]:
    """Returns (the contents of summary.json, the genotype) and the settings."""
    try:
        settings = read_search_settings(folder)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        if "validation_accuracy" in summary and summary["validation_accuracy"] is None:
            raise ConfigurationError(
                f"{folder} holds cells of --method={summary['method']}, which trains nothing that could rank them; "
                "leave it out, or train its genotype.json with run_eval.py"
            )
        summary = {**summary, "validation_accuracy": float(summary["validation_accuracy"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigurationError(
            f"{folder} holds no finished search: it needs config.json, summary.json and genotype.json; run "
            "its search to the end"
        ) from None
    import_operations(settings.get("operation_modules"))
    return (summary, Genotype.read(folder / "genotype.json")), settings


def _search_in_own_process(config: SearchConfig, run_one: Callable[[SearchConfig], None]) -> None:
    """Runs one search in a process of its own, so that its memory is free afterwards."""
    process = multiprocessing.get_context("spawn").Process(target=_child, args=(config, run_one))
    process.start()
    try:
        process.join()
    except StoppedError:
        process.terminate()  # It saves, too.
        process.join()
        raise
    if process.exitcode:
        error = EoinasError(f"the search with seed {config.seed} ended with status {process.exitcode}; see above")
        error.exit_status = process.exitcode if process.exitcode > 0 else 128 - process.exitcode
        raise error


def _child(config: SearchConfig, run_one: Callable[[SearchConfig], None]) -> None:
    with enduring_output():
        try:
            with StopSignals():
                run_one(config)
        except EoinasError as error:
            print(f"{error.heading}: {error}", file=sys.stderr)
            sys.exit(error.exit_status)
