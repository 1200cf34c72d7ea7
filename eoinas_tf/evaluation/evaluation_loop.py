"""The training of a final network from images to its exports, top to bottom (paper, section 4.3)."""

import time
from typing import Any

import keras
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.augmentation import channel_statistics
from eoinas_tf.data.image_datasets import load_image_dataset
from eoinas_tf.data.input_pipelines import Preprocessing, steps_per_epoch, test_batches, training_batches
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.evaluation_journal import EvaluationJournal, keep_genotype
from eoinas_tf.evaluation.evaluation_step import EvaluationStep, TestMeans, build_evaluation_state
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.evaluation.network_description import build_network, configured_genotype
from eoinas_tf.evaluation.network_exports import export_network
from eoinas_tf.evaluation.prediction_report import write_prediction_report
from eoinas_tf.evaluation.predictions import collect_predictions
from eoinas_tf.experiment.export_folder import check_replaceable
from eoinas_tf.experiment.network_export import EXPORT_FORMATS, check_packages
from eoinas_tf.experiment.progress import Progress
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.resource_usage import seconds_since_process_start

STEP_NAME = "training step"


def run_evaluation(config: EvaluationConfig) -> dict[str, Any]:
    """Trains, tests and exports the network of a genotype, in a run folder that the same call continues.

    Args:
        config: The settings.

    Returns:
        What summary.json holds; its paths are relative to the run folder.

    Raises:
        EoinasError: The genotype or the data cannot be read, the run folder cannot be used, or a
            loss became NaN or infinite.
    """
    check_learning_rates(config)
    check_packages(config.export_formats)
    genotype = configured_genotype(config)
    with RunDirectory(config) as run:
        keep_genotype(run, config, genotype)
        for name in config.export_formats:
            check_replaceable(run.path / name)
        keras.utils.set_random_seed(config.seed)
        dataset = load_image_dataset(
            config.dataset, data_dir=config.data_dir, download=config.download, image_size=config.image_size
        )
        preprocessing = Preprocessing(
            *channel_statistics(dataset.train), config.crop_padding, config.horizontal_flip, config.cutout_length
        )
        tests = test_batches(dataset.test, preprocessing, batch_size=config.batch_size)
        epoch_steps = steps_per_epoch(len(dataset.train), config.batch_size)
        total_steps = config.epochs * epoch_steps
        last_step = min(config.max_steps or total_steps, total_steps)
        network = build_network(config, genotype, dataset.image_shape, dataset.num_classes)
        step = EvaluationStep(build_evaluation_state(config, network, total_steps), config, total_steps)
        journal = EvaluationJournal(run, config, step.state)
        progress = Progress(last_step)
        if journal.finished_epochs:
            progress.say(f"{run.path}: continuing after epoch {journal.finished_epochs} of {config.epochs}")

        done = journal.finished_epochs * epoch_steps
        while done < last_step:
            epoch = done // epoch_steps + 1
            batches = training_batches(
                dataset.train, preprocessing, batch_size=config.batch_size, epoch=epoch, seed=config.seed
            )
            timing = train_epoch(step, batches.take(last_step - done), epoch, done, progress)
            done = min(epoch * epoch_steps, last_step)
            # An epoch that max_steps cuts short leaves no record: the next run trains it as a whole.
            if done == epoch * epoch_steps:
                record = epoch_record(step, epoch, done, step.test_all(tests))
                journal.add_epoch(record, timing, is_last=done == last_step)

        predictions = collect_predictions(network, tests, dataset.num_classes)
        write_prediction_report(run, dataset, predictions, done // epoch_steps)
        exports = export_network(network, dataset, preprocessing, run.path, config.export_formats)
        parameters, auxiliary_parameters = count_parameters(network)
        summary = {
            "dataset": config.dataset,
            "seed": config.seed,
            "test_accuracy": predictions.accuracy,
            "test_loss": predictions.loss,
            "parameters": parameters,
            "auxiliary_parameters": auxiliary_parameters,
            "multiply_adds": count_multiply_adds(network, dataset.image_shape),
            "epochs": done // epoch_steps,
            "steps": done,
            "finished": done == total_steps,
            "genotype": run.genotype.name,
            "metrics": run.metrics.name,
            **exports,
        }
        if predictions.top5_accuracy is not None:
            summary["test_top5_accuracy"] = predictions.top5_accuracy
        journal.finish(summary)
        report(progress, run, summary, total_steps)
        return summary


def check_learning_rates(config: EvaluationConfig) -> None:
    """Refuses a schedule that would rise.

    Args:
        config: The settings.

    Raises:
        ConfigurationError: The learning rate at the end is above that at the start.
    """
    if config.learning_rate_end > config.learning_rate:
        raise ConfigurationError(
            "--learning_rate_end must not be above --learning_rate. "
            f"Received: {config.learning_rate_end} and {config.learning_rate}"
        )


def train_epoch(
    step: EvaluationStep, batches: tf.data.Dataset, epoch: int, first_step: int, progress: Progress
) -> dict[str, float]:
    """Runs an epoch's training steps; reads the device only when a line of progress is due and at the end.

    Args:
        step: The training step.
        batches: Yields (images, labels).
        epoch: The epoch, counted from 1.
        first_step: Global number of the epoch's first step, counted from 0.
        progress: Where to show how far it is.

    Returns:
        Clock readings for timing.jsonl.

    Raises:
        NonFiniteError: A loss or gradient was NaN or infinite.
    """
    config, results = step.config, step.state.results
    results.reset()
    started, done = time.monotonic(), first_step
    for images, labels in batches:
        step.train(images, labels, tf.constant(done, tf.int64))
        done += 1
        if progress.seconds_to_first_step is None:
            results.wait()
            progress.first_step_done(done, seconds_since_process_start())
        if progress.due():
            means = results.means(STEP_NAME, epoch)
            progress.show(done, f"epoch {epoch}/{config.epochs}  loss {means.loss:.3f}  accuracy {means.accuracy:.3f}")
    results.means(STEP_NAME, epoch)
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
    """
    train_means = step.state.results.means(STEP_NAME, epoch)
    return {
        "epoch": epoch,
        "train_loss": train_means.loss,
        "train_accuracy": train_means.accuracy,
        "test_loss": test_means.loss,
        "test_accuracy": test_means.accuracy,
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
    progress.say(
        f"test accuracy {100 * summary['test_accuracy']:.2f} %, {summary['parameters']} parameters, "
        f"{summary['multiply_adds']} multiply-adds"
    )
    for name in EXPORT_FORMATS:
        if name in summary:
            progress.say(f"{name} export {run.path / summary[name]}")
    progress.say(f"results {run.summary}, classes {run.class_accuracy}, epochs {run.metrics}, pictures {run.plots}")
    progress.say(f"curves: tensorboard --logdir={run.tensorboard}")
