"""A search from images to a genotype: Algorithm 1 of the paper, top to bottom."""

import json
import time

import keras
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.augmentation import channel_statistics
from eoinas_tf.data.image_datasets import load_image_dataset
from eoinas_tf.data.input_pipelines import Preprocessing, search_batches, steps_per_epoch, test_batches
from eoinas_tf.data.split_indices import class_balanced_halves
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.distribution.worker import this_worker
from eoinas_tf.experiment.progress import Progress
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.step_saves import StepSaves, steps_in_call
from eoinas_tf.fault_points import fault_point
from eoinas_tf.memory_exhaustion import named_memory_exhaustion
from eoinas_tf.optimization.precision import use_precision
from eoinas_tf.resource_usage import peak_memory_gib, seconds_since_process_start
from eoinas_tf.search.derived_cell_accuracy import derived_cell_accuracy
from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.search.graph_rewriting import rewrite_where_it_pays
from eoinas_tf.search.judgement import Judgement, judge_operations
from eoinas_tf.search.operation_pruning import is_pruning_epoch, least_important_operations
from eoinas_tf.search.pruning_history import drop_epochs, drop_records
from eoinas_tf.search.search_journal import SearchJournal
from eoinas_tf.search.search_records import metrics_record
from eoinas_tf.search.search_step import SearchState, SearchStep, build_search_state
from eoinas_tf.search.temperature import temperature
from eoinas_tf.stop_signals import StopSignals


def run_search(config: SearchConfig) -> dict | None:
    """Searches with one seed, in a run folder that the same call continues.

    Args:
        config: The settings; `num_seeds` and `select_from` are `seed_selection`'s.

    Returns:
        What summary.json holds; None if `max_steps` ended the search early.

    Raises:
        EoinasError: The data cannot be read, the run folder cannot be used, a loss became NaN or
            infinite, the memory does not suffice, or SIGTERM or SIGINT stopped the run.
    """
    with (
        StopSignals() as stop,
        named_memory_exhaustion("--batch_size, --init_channels or --cells"),
        RunDirectory(config, this_worker(config.strategy).is_chief) as run,
    ):
        if run.summary.exists():
            print(f"{run.path} is finished: its cell is in {run.genotype}")
            return json.loads(run.summary.read_text(encoding="utf-8"))
        replicas = Replicas.of(config)
        stop.listen()
        use_precision(config.mixed_precision)
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(config.seed)
        dataset = load_image_dataset(
            config.dataset,
            data_dir=config.data_dir,
            download=config.download,
            image_size=config.image_size,
            skip_bad_images=config.on_bad_image == "skip",
        )
        halves = class_balanced_halves(dataset.train.labels, config.seed)
        steps = steps_per_epoch(min(map(len, halves)), config.batch_size)
        preprocessing = Preprocessing(*channel_statistics(dataset.train), config.crop_padding, config.horizontal_flip)
        rewrite_where_it_pays(dataset.image_shape, config.init_channels, config.batch_size)
        with replicas.strategy.scope():
            state = build_search_state(config, dataset.image_shape, dataset.num_classes, steps)
        step = SearchStep(state, config, replicas)
        journal = SearchJournal(run, config, state, steps)
        replicas.check_agreement("settings and finished steps", f"{config.result_settings()} {journal.finished_steps}")
        progress = Progress(config.epochs * steps)
        progress.say(dataset.counts)
        if journal.finished_steps:
            progress.say(
                f"{run.path}: continuing after epoch {journal.finished_epochs} of {config.epochs}, step "
                f"{journal.finished_steps}"
            )

        saves = StepSaves(config, stop, journal.save_step, replicas.is_any)
        for epoch in range(journal.finished_epochs + 1, config.epochs + 1):
            first_step = max((epoch - 1) * steps, journal.finished_steps)
            batches = search_batches(
                dataset.train,
                halves,
                preprocessing,
                batch_size=config.batch_size,
                epoch=epoch,
                seed=config.seed,
                first_step=first_step - (epoch - 1) * steps,
                rows=replicas.worker_rows(config.batch_size),
            )
            now = temperature(epoch, config.epochs, config.temperature_start, config.temperature_end)
            with stop.finishing():
                if first_step == (epoch - 1) * steps:
                    state.reset_results()
                timing = train_epoch(step, batches, epoch, now, first_step, progress, saves)
                if timing is None:
                    return None
                judgement = judge_operations(state, config, steps)
                record = epoch_record(epoch, now, state, judgement)
                drops = []
                if is_pruning_epoch(epoch, config.pruning_after_epoch, config.pruning_every_epochs):
                    drops = drop_operations(epoch, state, judgement)
                    fault_point("after_drops", epoch)
                journal.add_epoch(record, drops, judgement, timing)
                saves.after_epoch(epoch * steps)

        last = judge_operations(state, config, steps)
        cells = derive_cells(
            last.importance,
            last.living_operations,
            drop_epochs(journal.drops, journal.operation_names),
            journal.operation_names,
            source=f"EoiNAS search on {dataset.name}, seed {config.seed}",
            max_skip_connections=config.max_skip_connections,
        )
        validation = test_batches(dataset.train, preprocessing, batch_size=config.batch_size, indices=halves[1])
        summary = journal.finish(cells, derived_cell_accuracy(step, cells.operation_index, validation))
        progress.say(
            f"found {run.genotype}; pictures in {run.plots}; {100 * summary['validation_accuracy']:.2f} % of the "
            "validation half in its own super network, which ranks searches and is not the final network's accuracy"
        )
        return summary


def train_epoch(
    step: SearchStep,
    batches: tf.data.Dataset,
    epoch: int,
    temperature_now: float,
    first_step: int,
    progress: Progress,
    saves: StepSaves | None = None,
) -> dict | None:
    """Runs an epoch's iterations: one weight step each and, after the warm-up, one architecture step.

    Args:
        step: The two updates.
        batches: Yields a pair of batches an iteration.
        epoch: The epoch, counted from 1.
        temperature_now: T of the epoch.
        first_step: Global number of the first iteration of these batches, counted from 0.
        progress: Where to show how far it is.
        saves: Saves within the epoch; nothing does where not given.

    Returns:
        Clock readings for timing.jsonl; None if `max_steps` ended the search.

    Raises:
        NonFiniteError: A loss or gradient was NaN or infinite when it was shown or saved.
        StoppedError: The run was asked to stop, and is saved.
    """
    config, state = step.config, step.state
    searches = epoch > config.warmup_epochs
    temperature_tensor = tf.constant(temperature_now, tf.float32)
    started, done, last_step = time.monotonic(), first_step, first_step + len(batches)
    pairs = iter(step.replicas.share_out(batches))
    while done < last_step:
        number, count = tf.constant(done, tf.int64), steps_in_call(config, done, last_step)
        if count == 1:
            weight_batch, architecture_batch = next(pairs)
            step.update_weights(*weight_batch, number, temperature_tensor)
            fault_point("after_weight_step", done + 1)
            if searches:
                step.update_architecture(*architecture_batch, number, temperature_tensor)
        else:
            step.update_repeatedly(pairs, number, tf.constant(count, tf.int64), temperature_tensor, searches)
        done += count
        fault_point("after_architecture_step", done)
        if progress.seconds_to_first_step is None:
            state.weight_results.wait()
            progress.first_step_done(done, seconds_since_process_start())
        if progress.due():
            means = state.weight_results.means(epoch)
            progress.show(done, f"epoch {epoch}/{config.epochs}  loss {means.loss:.3f}  accuracy {means.accuracy:.3f}")
        if done == config.max_steps:
            report_try(state, progress, done, searches)
            return None
        if saves is not None:
            saves.after_step(done)
    state.weight_results.wait()
    seconds = time.monotonic() - started
    images = (done - first_step) * config.batch_size * (2 if searches else 1)
    return {"seconds": round(seconds, 3), "images_per_second": round(images / seconds, 1)}


def epoch_record(epoch: int, temperature_now: float, state: SearchState, judgement: Judgement) -> dict:
    """Returns an epoch's line of metrics.jsonl.

    Args:
        epoch: The epoch, counted from 1.
        temperature_now: T of the epoch.
        state: The search's state.
        judgement: What the search thinks of the operations.

    Raises:
        NonFiniteError: A loss or gradient of the epoch was NaN or infinite.
    """
    return metrics_record(
        epoch,
        temperature_now,
        float(state.weights_optimizer.learning_rate),
        state.weight_results.means(epoch),
        state.architecture_results.means(epoch),
        judgement.operation_weights,
        judgement.importance,
    )


def drop_operations(epoch: int, state: SearchState, judgement: Judgement) -> list[dict]:
    """Drops the least important operation of every edge, for good.

    Args:
        epoch: The epoch at whose end it happens.
        state: The search's state; its living mask shrinks.
        judgement: What the search thinks of the operations.

    Returns:
        A record for each drop.
    """
    dropped = least_important_operations(judgement.importance, judgement.living_operations)
    state.network.living_operations.assign(judgement.living_operations & ~dropped)
    return drop_records(epoch, dropped, judgement, state.network.operation_names)


def report_try(state: SearchState, progress: Progress, done: int, searches: bool) -> None:
    """Prints what a try measured that `max_steps` ended.

    Args:
        state: The search's state.
        progress: Measured the steps.
        done: Steps done.
        searches: Whether the last steps had an architecture step.
    """
    state.weight_results.wait()
    pace = progress.seconds_per_step(done)
    what = "a step (weight step and architecture step)" if searches else "a step (weight step; warm-up)"
    progress.say(
        f"ended by --max_steps={done}, nothing saved since the last checkpoint: "
        f"{progress.seconds_to_first_step:.1f} s to the end of the first "
        f"step, {'-' if pace is None else f'{pace:.2f}'} s {what}, peak memory {peak_memory_gib():.2f} GiB"
    )
