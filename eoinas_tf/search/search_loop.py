"""A search from images to a genotype: Algorithm 1 of the paper, for every method."""

import time

import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.experiment.progress import Progress
from eoinas_tf.experiment.step_saves import StepSaves, steps_in_call
from eoinas_tf.fault_points import fault_point
from eoinas_tf.resource_usage import peak_memory_gib, seconds_since_process_start
from eoinas_tf.search.search_session import SearchEpoch, SearchSession
from eoinas_tf.search.search_step import SearchState, SearchStep


def run_search(config: SearchConfig, dataset: ImageDataset | None = None) -> dict | None:
    """Searches with one seed, in a run folder that the same call continues.

    Args:
        config: The settings; `num_seeds` and `select_from` are `seed_selection`'s.
        dataset: The images, where they are in memory already; those that the settings name where not given.

    Returns:
        What summary.json holds; None if `max_steps` ended the search early.

    Raises:
        EoinasError: The settings make no search, the data cannot be read, the run folder cannot be used, a loss
            became NaN or infinite, the memory does not suffice, or SIGTERM, SIGINT or SIGHUP stopped the run.
    """
    with SearchSession(config, dataset) as session:
        if session.finished_summary is not None:
            return session.finished_summary
        method = session.method
        for number in session.epochs_left():
            with session.epoch(number) as epoch:
                timing = train_epoch(session.step, config, epoch, session.progress, session.saves)
                if timing is None:
                    return None
                method.end_epoch(number)
                evidence = method.evidence()
                dropped = method.drops(number, evidence)
                method.drop(dropped)
                fault_point("after_drops", number)
                session.write_epoch(epoch, evidence, dropped, timing)
        evidence = method.evidence()
        cells = method.derive(evidence, session.drop_epochs, session.cell_accuracy, session.source)
        return session.finish(cells, evidence)


def train_epoch(
    step: SearchStep,
    config: SearchConfig,
    epoch: SearchEpoch,
    progress: Progress,
    saves: StepSaves | None = None,
) -> dict | None:
    """Runs an epoch's iterations: one weight step each and, after the warm-up, one architecture step.

    Args:
        step: The two updates.
        config: `steps_per_call`, `checkpoint_every_steps`, `max_steps` and `batch_size`.
        epoch: The epoch's batches and what follows it.
        progress: Where to show how far it is.
        saves: Saves within the epoch; nothing does where not given.

    Returns:
        Clock readings for timing.jsonl; None if `max_steps` ended the search.

    Raises:
        NonFiniteError: A loss or gradient was NaN or infinite when it was shown or saved.
        StoppedError: The run was asked to stop, and is saved.
    """
    state, searches = step.state, epoch.searches
    has_architecture_step = searches and state.method.has_architecture_steps
    trains_architecture = step.trains_architecture_with_weights(searches)
    schedule = {name: tf.constant(value, tf.float32) for name, value in epoch.schedule.items()}
    first_step, last_step = epoch.first_step, epoch.first_step + len(epoch.batches)
    started, done = time.monotonic(), first_step
    pairs = iter(step.replicas.share_out(epoch.batches))
    while done < last_step:
        number, count = tf.constant(done, tf.int64), steps_in_call(config, done, last_step)
        if count == 1:
            weight_batch, architecture_batch = next(pairs)
            step.update_weights(weight_batch, number, schedule, trains_architecture=trains_architecture)
            fault_point("after_weight_step", done + 1)
            if has_architecture_step:
                step.update_architecture(weight_batch, architecture_batch, number, schedule)
        else:
            step.update_repeatedly(pairs, number, tf.constant(count, tf.int64), schedule, searches)
        done += count
        fault_point("after_architecture_step", done)
        if not progress.is_measuring:
            state.weight_results.wait()
            progress.first_step_done(done, seconds_since_process_start())
        if progress.due():
            means = state.weight_results.means(epoch.number)
            progress.show(
                done, f"epoch {epoch.number}/{epoch.total}  loss {means.loss:.3f}  accuracy {means.accuracy:.3f}"
            )
        if done == config.max_steps:
            report_try(state, progress, done, has_architecture_step)
            return None
        if saves is not None:
            saves.after_step(done)
    state.weight_results.wait()
    seconds = time.monotonic() - started
    images = (done - first_step) * config.batch_size * (2 if has_architecture_step else 1)
    return {"seconds": round(seconds, 3), "images_per_second": round(images / seconds, 1)}


def report_try(state: SearchState, progress: Progress, done: int, has_architecture_step: bool) -> None:
    """Prints what a try measured that `max_steps` ended.

    Args:
        state: The search's state.
        progress: Measured the steps.
        done: Steps done.
        has_architecture_step: Whether the last steps had an architecture step.
    """
    state.weight_results.wait()
    pace = progress.seconds_per_step(done)
    what = "a step (weight step and architecture step)" if has_architecture_step else "a step (weight step only)"
    progress.say(
        f"ended by --max_steps={done}, nothing saved since the last checkpoint: "
        f"{progress.seconds_to_first_step:.1f} s to the end of the first "
        f"step, {'-' if pace is None else f'{pace:.2f}'} s {what}, peak memory {peak_memory_gib():.2f} GiB"
    )
