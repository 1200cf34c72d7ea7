"""The training of a final network from images to its exports, top to bottom (paper, section 4.3)."""

import math
import time
from typing import Any

import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.class_weights import class_weights, loss_factors
from eoinas_tf.data.dataset_fingerprint import dataset_digest, dataset_fingerprint
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.data.input_pipelines import steps_per_epoch, test_batches, training_batches
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.distribution.worker import this_worker
from eoinas_tf.errors import NonFiniteError
from eoinas_tf.evaluation.evaluation_images import choose_preprocessing, load_images
from eoinas_tf.evaluation.evaluation_journal import EvaluationJournal, keep_genotype
from eoinas_tf.evaluation.evaluation_step import EvaluationStep, TestMeans, build_evaluation_state
from eoinas_tf.evaluation.network_description import build_network, config_within_budget, configured_genotype
from eoinas_tf.evaluation.network_exports import check_exports
from eoinas_tf.evaluation.network_outcome import keep_outcome, say_outcome
from eoinas_tf.evaluation.predictions import collect_predictions
from eoinas_tf.evaluation.pytorch_evaluation import evaluate_pytorch_weights
from eoinas_tf.experiment.class_weight_record import keep_class_weights
from eoinas_tf.experiment.dataset_record import keep_dataset
from eoinas_tf.experiment.export_formats import check_packages
from eoinas_tf.experiment.progress import Progress
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.step_saves import StepSaves, steps_in_call
from eoinas_tf.fault_points import fault_point
from eoinas_tf.memory_exhaustion import named_memory_exhaustion
from eoinas_tf.optimization.precision import computing_in
from eoinas_tf.random_seeds import initial_weights_seed
from eoinas_tf.resource_usage import seconds_since_process_start
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.stop_signals import StopSignals


def run_evaluation(
    config: EvaluationConfig, dataset: ImageDataset | None = None, genotype: Genotype | None = None
) -> dict[str, Any] | None:
    """Trains, tests and exports the network that the settings name, in a run folder that the same call continues.

    With `pytorch_weights` the training is left out.

    Args:
        config: The settings.
        dataset: The images, where they are in memory already; those that the settings name where not given.
        genotype: The cells themselves, likewise.

    Returns:
        What summary.json holds; its paths are relative to the run folder. None in a process that only
        helps another one, which writes the folder.

    Raises:
        EoinasError: The genotype or the data cannot be read, the run folder cannot be used, a loss became
            NaN or infinite, the memory does not suffice, or SIGTERM, SIGINT or SIGHUP stopped the run.
    """
    check_packages(config.export_formats)
    genotype = genotype or configured_genotype(config)
    if config.pytorch_weights and genotype is not None:
        return evaluate_pytorch_weights(config, genotype, config.pytorch_weights)
    with (
        StopSignals() as stop,
        named_memory_exhaustion("--batch_size or --init_channels, or raise --accumulation_steps"),
        computing_in(config.mixed_precision),
        RunDirectory(config, this_worker(config.strategy).is_chief) as run,
    ):
        keep_genotype(run, config, genotype)
        check_exports(run.path, config.export_formats)
        replicas = Replicas.of(config, config.accumulation_steps)
        stop.listen()
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        dataset = load_images(config, dataset)
        keep_dataset(run, dataset_fingerprint(dataset))
        weights = class_weights(config.class_weights, dataset)
        keep_class_weights(run, weights)
        preprocessing = choose_preprocessing(config, dataset)
        rows = replicas.worker_rows(config.batch_size)
        tests = test_batches(dataset.test, preprocessing, batch_size=config.batch_size, rows=rows)
        epoch_steps = steps_per_epoch(len(dataset.train), config.batch_size)
        total_steps = config.epochs * epoch_steps
        fitted, budget_message = config_within_budget(config, genotype, dataset.image_shape, dataset.num_classes)
        # Not before, so that a network starts the same whether its width was asked for or found.
        with initial_weights_seed(config.seed), replicas.strategy.scope():
            network = build_network(fitted, genotype, dataset.image_shape, dataset.num_classes)
            state = build_evaluation_state(config, network, total_steps)
        step = EvaluationStep(state, config, total_steps, replicas, loss_factors(weights, dataset))
        journal = EvaluationJournal(run, config, state, epoch_steps)
        replicas.check_agreement(
            "settings, finished steps and images",
            f"{config.result_settings()} {journal.finished_steps} {dataset_digest(dataset)}",
        )
        last_step = max(min(config.max_steps or total_steps, total_steps), journal.finished_steps)
        progress = Progress(last_step)
        progress.say(dataset.counts)
        if budget_message:
            progress.say(budget_message)
        if journal.finished_steps:
            progress.say(
                f"{run.path}: continuing after epoch {journal.finished_epochs} of {config.epochs}, step "
                f"{journal.finished_steps}"
            )

        def save_step(done: int) -> None:
            step.agree_on_statistics()
            journal.save_step(done)

        saves = StepSaves(config, stop, save_step, replicas.is_any)
        done, epoch = journal.finished_steps, journal.finished_epochs
        while epoch * epoch_steps < last_step:
            epoch_start, epoch_end = epoch * epoch_steps, (epoch + 1) * epoch_steps
            epoch += 1
            batches = training_batches(
                dataset.train,
                preprocessing,
                batch_size=config.batch_size,
                epoch=epoch,
                seed=config.seed,
                first_step=done - epoch_start,
                rows=rows,
            )
            with stop.finishing():
                if done == epoch_start:
                    state.results.reset()
                timing = train_epoch(step, batches.take(last_step - done), epoch, done, progress, saves)
                done = min(epoch_end, last_step)
                # An epoch that max_steps cuts short leaves no record: the next run trains it as a whole.
                if done == epoch_end:
                    test_means = step.test_all(tests)
                    fault_point("after_test", epoch)
                    journal.add_epoch(epoch_record(step, epoch, done, test_means), timing, is_last=done == last_step)
                    saves.after_epoch(done)

        step.agree_on_statistics()
        if not run.is_writer:
            return None
        whole_tests = test_batches(dataset.test, preprocessing, batch_size=config.batch_size)
        predictions = collect_predictions(network, whole_tests, dataset.num_classes)
        summary = {
            **keep_outcome(run, config, network, dataset, preprocessing, predictions, done // epoch_steps),
            "seed": config.seed,
            "init_channels": fitted.init_channels,
            "epochs": done // epoch_steps,
            "steps": done,
            "finished": done == total_steps,
            "metrics": run.metrics.name,
        }
        journal.finish(summary)
        report(progress, run, summary, total_steps)
        return summary


def train_epoch(
    step: EvaluationStep, batches: tf.data.Dataset, epoch: int, first_step: int, progress: Progress, saves: StepSaves
) -> dict[str, float]:
    """Runs an epoch's training steps; reads the device only when a line of progress is due and at the end.

    Args:
        step: The training step.
        batches: Yields (images, labels).
        epoch: The epoch, counted from 1.
        first_step: Global number of the first step of these batches, counted from 0.
        progress: Where to show how far it is.
        saves: Saves within the epoch.

    Returns:
        Clock readings for timing.jsonl.

    Raises:
        NonFiniteError: A loss or gradient was NaN or infinite.
        StoppedError: The run was asked to stop, and is saved.
    """
    config, results = step.config, step.state.results
    started, done, last_step = time.monotonic(), first_step, first_step + len(batches)
    shares = iter(step.replicas.share_out(batches))
    while done < last_step:
        number, count = tf.constant(done, tf.int64), steps_in_call(config, done, last_step)
        if count == 1:
            step.train(*next(shares), number)
        else:
            step.train_repeatedly(shares, number, tf.constant(count, tf.int64))
        done += count
        fault_point("after_training_step", done)
        if progress.seconds_to_first_step is None:
            results.wait()
            progress.first_step_done(done, seconds_since_process_start())
        if progress.due():
            means = results.means(epoch)
            progress.show(done, f"epoch {epoch}/{config.epochs}  loss {means.loss:.3f}  accuracy {means.accuracy:.3f}")
        saves.after_step(done)
    results.check_finite(epoch)
    seconds = time.monotonic() - started
    images_per_second = (done - first_step) * config.batch_size / seconds
    return {"seconds": round(seconds, 3), "images_per_second": round(images_per_second, 1)}


def epoch_record(step: EvaluationStep, epoch: int, done: int, test_means: TestMeans) -> dict[str, Any]:
    """Returns an epoch's line of metrics.jsonl.

    Args:
        step: Holds the state after the epoch.
        epoch: The epoch, counted from 1.
        done: Training steps done by its end.
        test_means: Its test results.

    Raises:
        NonFiniteError: The test loss is NaN or infinite, though the training's is not.
    """
    if not math.isfinite(test_means.loss):
        raise NonFiniteError(
            f"the test loss became NaN or infinite after step {done} (epoch {epoch}), though the training's is finite: "
            "the moving statistics are damaged; lower the learning rate"
        )
    train_means = step.state.results.means(epoch)
    return {
        "epoch": epoch,
        "train_loss": train_means.loss,
        "train_cross_entropy": step.state.results.mean_cross_entropy(),
        "train_accuracy": train_means.accuracy,
        "test_loss": test_means.loss,
        "test_accuracy": test_means.accuracy,
        "test_top_5_accuracy": test_means.top_5_accuracy,
        "learning_rate": float(step.state.optimizer.learning_rate),
        "drop_path": float(step.drop_path_probability(tf.constant(done, tf.int64))),
    }


def report(progress: Progress, run: RunDirectory, summary: dict[str, Any], total_steps: int) -> None:
    """Prints the result and where everything is.

    Args:
        progress: Where to.
        run: The run folder.
        summary: What summary.json holds.
        total_steps: Steps of the whole training.
    """
    if not summary["finished"]:
        progress.say(
            f"ended by --max_steps after {summary['steps']} of {total_steps} steps; "
            f"{summary['epochs']} whole epochs are kept, and the same command without it continues after them"
        )
    say_outcome(progress, run, summary)
    progress.say(f"epochs {run.metrics}; curves: tensorboard --logdir={run.tensorboard}")
