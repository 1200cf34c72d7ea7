"""The rehearsal of a search: how many epochs fit into `--hours`."""

import dataclasses
import functools
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.search.derived_cell_accuracy import derived_cell_accuracy
from eoinas_tf.search.scoring_order import scoring_batches
from eoinas_tf.search.search_images import read_search_images
from eoinas_tf.search.search_method import load_method
from eoinas_tf.search.search_schedule import check_pruning_schedule
from eoinas_tf.search.search_session import SearchEpoch, SearchSession
from eoinas_tf.search.search_step import SearchStep
from eoinas_tf.space.candidate_names import candidate_names
from eoinas_tf.space.operation_check import check_own_operations
from eoinas_tf.space.operation_modules import import_operations
from eoinas_tf.training.epoch_steps import StepRunner
from eoinas_tf.training.rehearsal import Rehearsal, silent_progress, within_hours
from eoinas_tf.training.time_budget import RunCost, fewest_epochs

WARM_UP = "warm-up"
TrainEpoch = Callable[[SearchStep, SearchEpoch, StepRunner], dict | None]
# So many epochs have every kind of epoch that any search of these settings has.
MANY_EPOCHS = 1000


def search_within_hours(
    config: SearchConfig, dataset: ImageDataset | None, seconds_before: float, train: TrainEpoch
) -> tuple[SearchConfig, ImageDataset | None]:
    """Chooses the number of epochs of a search with a time budget; see `within_hours`.

    Args:
        config: The search's settings.
        dataset: The images, if already in memory.
        seconds_before: Seconds of the time budget that are already spent.
        train: Runs the steps of an epoch.
    """

    def rehearse(stop: threading.Event) -> tuple[RunCost, ImageDataset]:
        # Refuses, before reading an image, settings that make no search with any number of epochs.
        epochs = fewest_epochs(functools.partial(check_rehearsal, config))
        Replicas.of(config)  # Devices are divided before anything is computed.
        import_operations(config.operation_modules)
        names = candidate_names(config.operations, config.max_skip_connections)
        check_own_operations(names, in_supernet=True)
        images = read_search_images(config, dataset)
        with tempfile.TemporaryDirectory(prefix="eoinas_rehearsal_") as folder:
            short = dataclasses.replace(config, run_dir=folder, epochs=epochs, max_steps=0, quiet=True)
            started = time.monotonic()
            with RehearsedSearch(short, images) as session:
                return session.rehearse(config, stop, train, time.monotonic() - started), images

    return within_hours(config, dataset, seconds_before, rehearse)


def check_search(config: SearchConfig, epochs: int) -> None:
    """Refuses a number of epochs that makes no search.

    Args:
        config: The settings, without a number of epochs.
        epochs: The number of epochs. It is chosen by the program, which the user's `max_steps` does not change.

    Raises:
        ConfigurationError: They make no search.
    """
    whole = dataclasses.replace(config, epochs=epochs, max_steps=0)
    check_pruning_schedule(whole)
    load_method(config.method).check(whole)
    kinds = kinds_of_epochs(whole)
    if kinds and all(kind.startswith(WARM_UP) for kind, _ in kinds):
        raise ConfigurationError(
            f"the architecture is never trained: the warm-up takes all {epochs} epochs; give a shorter warm-up"
        )


def check_rehearsal(config: SearchConfig, epochs: int) -> None:
    """Refuses a number of epochs that makes no search, or one without every kind of epoch that a longer one has.

    Args:
        config: The settings, without a number of epochs.
        epochs: The number of epochs.

    Raises:
        ConfigurationError: They make no rehearsal.
    """
    check_search(config, epochs)
    kinds, all_kinds = (
        {kind for kind, _ in kinds_of_epochs(dataclasses.replace(config, epochs=number))}
        for number in (epochs, MANY_EPOCHS)
    )
    if missing := all_kinds - kinds:
        raise ConfigurationError(f"{epochs} epochs have none of {', '.join(sorted(missing))}")


def kinds_of_epochs(config: SearchConfig) -> list[tuple[str, int]]:
    """Returns the kind of each epoch of a search, and its stage, counted from 0.

    Args:
        config: The settings, with their epochs.
    """
    method = load_method(config.method)
    stages = method.stages(config)
    kinds, epoch = [], 0
    for number, stage in enumerate(stages):
        behind = f" in stage {number + 1}" if len(stages) > 1 else ""
        for _ in range(stage.epochs):
            epoch += 1
            kinds.append((f"{WARM_UP if method.is_warmup_of(config, epoch) else 'search'}{behind}", number))
    return kinds


class RehearsedSearch(SearchSession):
    """A search that runs a few steps of each kind and everything around them.

    Attributes:
        scorings: Number of cells that would have been scored, each with a pass over D_V.
    """

    scorings = 0

    def rehearse(
        self, config: SearchConfig, stop: threading.Event, train: TrainEpoch, seconds_to_open: float
    ) -> RunCost:
        """Runs a shortened search and returns the cost of the whole one.

        Args:
            config: The search's settings, without a number of epochs.
            stop: Set when the rehearsal is to end.
            train: Runs the steps of an epoch.
            seconds_to_open: Seconds that opening the session took.
        """
        rehearsal, written, costs = Rehearsal(self.config, self.epoch_steps, self.replicas, stop), 0, {}
        kinds = kinds_of_epochs(self.config)

        def run_epoch(number: int, steps: int, runner: StepRunner) -> float:
            nonlocal written
            written += 1
            epoch = self.epoch(number)
            epoch = dataclasses.replace(epoch, batches=epoch.batches.take(steps))
            timing = train(self.step, epoch, runner)
            assert timing is not None
            self.method.end_epoch(number)
            evidence = self.method.evidence()
            dropped = self.method.drops(number, evidence)
            self.method.drop(dropped)
            self.write_epoch(dataclasses.replace(epoch, number=written), evidence, dropped, timing)
            return 0.0

        for place, (kind, stage) in enumerate(kinds):
            number = place + 1
            if kind not in costs:
                costs[kind] = rehearsal.epoch_cost(functools.partial(run_epoch, number))
            if number < len(kinds) and kinds[number][1] != stage:
                self.method.drop(self.method.drops(number, self.method.evidence()))  # The next stage expects it.
        save = functools.partial(self._save_step, epoch_began=None)
        costs = rehearsal.with_saves(costs, save, (written + 1) * self.epoch_steps)
        rehearsal.check_stop()
        started = time.monotonic()
        self.progress = silent_progress(1)
        evidence = self.method.evidence()
        self.finish(self.method.derive(evidence, self.drop_epochs, self.cell_accuracy, self.source), evidence)
        seconds_to_end = time.monotonic() - started + self._seconds_to_score(rehearsal)

        def count(epochs: int) -> dict[str, int]:
            whole = dataclasses.replace(config, epochs=epochs)
            return Counter(kind for kind, _ in kinds_of_epochs(whole))

        around, is_run = seconds_to_open + seconds_to_end, functools.partial(check_search, config)
        return RunCost(self.epoch_steps, costs, around, count, is_run)

    def cell_accuracy(self, operation_index: np.ndarray) -> float:
        """Counts a cell that would be scored, without scoring it.

        Args:
            operation_index: The sub-network, int32 [cell types, edges].
        """
        self.scorings += 1
        self._scored = operation_index
        return 0.0

    def _seconds_to_score(self, rehearsal: Rehearsal) -> float:
        """Returns the seconds that scoring all those cells takes."""
        batches = scoring_batches(
            self.dataset.train, self.preprocessing, batch_size=self.config.batch_size, indices=self.halves[1]
        )
        return self.scorings * rehearsal.pass_seconds(
            lambda count: derived_cell_accuracy(self.step, self._scored, batches.take(count)), len(batches)
        )
