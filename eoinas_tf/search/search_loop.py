"""A search from images to a genotype: Algorithm 1 of the paper, for every method."""

from collections.abc import Iterator

import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.fault_points import fault_point
from eoinas_tf.search.search_rehearsal import search_within_hours
from eoinas_tf.search.search_session import SearchEpoch, SearchSession
from eoinas_tf.search.search_step import SearchStep
from eoinas_tf.training.epoch_steps import StepCalls, StepRunner


def run_search(config: SearchConfig, dataset: ImageDataset | None = None, seconds_before: float = 0.0) -> dict | None:
    """Searches with one seed in a run folder; the same call resumes an unfinished search.

    Args:
        config: The settings; `num_seeds` and `select_from` are `seed_selection`'s.
        dataset: The images, if already in memory; by default those that the settings name.
        seconds_before: Seconds before the call that count towards the time budget `hours`, such as those of imports.

    Returns:
        The contents of summary.json; None if `max_steps` ended the search early, with its state saved.

    Raises:
        EoinasError: The settings make no search, the data cannot be read, the run folder cannot be used, a loss became
            NaN or infinite, the memory does not suffice, or SIGTERM, SIGINT or SIGHUP stopped the run.
    """
    config, dataset = search_within_hours(config, dataset, seconds_before, train_epoch)
    with SearchSession(config, dataset) as session:
        if session.finished_summary is not None:
            return session.finished_summary
        method = session.method
        with session.stopping_between_steps():
            for number in session.epochs_left():
                epoch = session.epoch(number)
                timing = train_epoch(session.step, epoch, session.runner)
                if timing is None:
                    break
                method.end_epoch(number)
                evidence = method.evidence()
                dropped = method.drops(number, evidence)
                method.drop(dropped)
                fault_point("after_drops", number)
                session.write_epoch(epoch, evidence, dropped, timing)
        if session.ends_early:
            session.say_early_end()
            return None
        evidence = method.evidence()
        cells = method.derive(evidence, session.drop_epochs, session.cell_accuracy, session.source)
        return session.finish(cells, evidence)


def train_epoch(step: SearchStep, epoch: SearchEpoch, runner: StepRunner) -> dict | None:
    """Runs an epoch's iterations: one weight step each and, after the warm-up, one architecture step.

    Args:
        step: The two updates.
        epoch: The epoch's batches and schedule values.
        runner: Runs the iterations.

    Returns:
        Clock readings for timing.jsonl; None if `max_steps` ended the search within the epoch.

    Raises:
        NonFiniteError: A loss or gradient was NaN or infinite when it was shown or saved.
        StoppedError: The run was asked to stop, and its state is saved.
    """
    has_architecture_step = epoch.searches and step.method.has_architecture_steps
    trains_architecture = step.trains_architecture_with_weights(epoch.searches)
    schedule = {name: tf.constant(value, tf.float32) for name, value in epoch.schedule.items()}

    def iteration(pairs: Iterator, number: tf.Tensor) -> None:
        weight_batch, architecture_batch = next(pairs)
        step.update_weights(weight_batch, number, schedule, trains_architecture=trains_architecture)
        fault_point("after_weight_step", int(number) + 1)
        if has_architecture_step:
            step.update_architecture(weight_batch, architecture_batch, number, schedule)

    def iterations(pairs: Iterator, first: tf.Tensor, count: tf.Tensor) -> None:
        step.update_repeatedly(pairs, first, count, schedule, epoch.searches)

    images = runner.config.batch_size * (2 if has_architecture_step else 1)
    calls = StepCalls(iteration, iterations, step.state.weight_results, "after_architecture_step", images)
    return runner.run(epoch, calls)
