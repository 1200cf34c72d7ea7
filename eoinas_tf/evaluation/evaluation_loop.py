"""The training of a final network from images to its exports (paper, section 4.3)."""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.evaluation.configured_network import configured_genotype
from eoinas_tf.evaluation.evaluation_session import EvaluationSession
from eoinas_tf.evaluation.evaluation_step import EvaluationStep
from eoinas_tf.evaluation.pytorch_evaluation import evaluate_pytorch_weights
from eoinas_tf.evaluation.training_rehearsal import training_within_hours
from eoinas_tf.experiment.export_formats import check_packages
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.training.epoch_steps import Epoch, StepCalls, StepRunner


def run_evaluation(
    config: EvaluationConfig,
    dataset: ImageDataset | None = None,
    genotype: Genotype | None = None,
    seconds_before: float = 0.0,
) -> dict[str, Any] | None:
    """Trains, tests and exports the network that the settings name; the same call resumes an unfinished run.

    With `pytorch_weights`, training is skipped. A run that `max_steps` ended early is tested and exported as it is.

    Args:
        config: The settings.
        dataset: The images, if already in memory; by default those that the settings name.
        genotype: The cells themselves, likewise.
        seconds_before: Seconds before the call that count towards the time budget `hours`, such as those of imports.

    Returns:
        The contents of summary.json; its paths are relative to the run folder. None in a process that only helps
        another one, which writes the folder.

    Raises:
        EoinasError: The genotype or the data cannot be read, the run folder cannot be used, a loss became
            NaN or infinite, the memory does not suffice, or SIGTERM, SIGINT or SIGHUP stopped the run.
    """
    check_packages(config.export_formats)
    genotype = configured_genotype(config, genotype)
    if config.pytorch_weights and genotype is not None:
        return evaluate_pytorch_weights(config, genotype, config.pytorch_weights)
    config, dataset = training_within_hours(config, genotype, dataset, seconds_before, train_epoch)
    with EvaluationSession(config, genotype, dataset) as session:
        with session.stopping_between_steps():
            for number in session.epochs_left():
                epoch = session.epoch(number)
                timing = train_epoch(session.training_step(number), epoch, session.runner)
                if timing is not None:
                    session.write_epoch(epoch, session.test(epoch), timing)
        return session.finish()


def train_epoch(step: EvaluationStep, epoch: Epoch, runner: StepRunner) -> dict[str, float] | None:
    """Runs an epoch's training steps.

    Args:
        step: The training step.
        epoch: The epoch; its batches are (images, labels).
        runner: Runs the steps.

    Returns:
        Clock readings for timing.jsonl; None if `max_steps` ended the run within the epoch.

    Raises:
        NonFiniteError: A loss or gradient was NaN or infinite when it was shown or saved.
        StoppedError: The run was asked to stop, and its state is saved.
    """

    def one(shares: Iterator, number: tf.Tensor) -> None:
        step.train(*next(shares), number)

    results = step.state.results
    # The loss shown is the one comparable with the test's, without the auxiliary head's share.
    calls = StepCalls(
        one, step.train_repeatedly, results, "after_training_step", runner.config.batch_size, results.mean_cross_entropy
    )
    return runner.run(epoch, calls)
