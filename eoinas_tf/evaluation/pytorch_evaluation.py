"""The test and the export of a final network with weights from PyTorch, instead of training."""

import dataclasses
import functools
import json
import math
from typing import Any

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.dataset_fingerprint import dataset_fingerprint
from eoinas_tf.data.input_pipelines import test_batches
from eoinas_tf.data.unreadable_images import named_read_failures
from eoinas_tf.errors import NonFiniteError, RunDirectoryError
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.evaluation_images import choose_preprocessing, load_images
from eoinas_tf.evaluation.evaluation_journal import keep_genotype
from eoinas_tf.evaluation.network_exports import check_exports
from eoinas_tf.evaluation.network_outcome import keep_outcome
from eoinas_tf.evaluation.predictions import collect_predictions
from eoinas_tf.evaluation.pytorch_weights import load_pytorch_weights
from eoinas_tf.evaluation.training_console import training_result
from eoinas_tf.evaluation.weight_files import file_digest, opened_weights
from eoinas_tf.experiment.atomic_files import write_json
from eoinas_tf.experiment.checkpointing import Checkpoints
from eoinas_tf.experiment.dataset_record import keep_dataset
from eoinas_tf.experiment.export_formats import check_packages
from eoinas_tf.experiment.report.report_page import write_report
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.memory_exhaustion import named_memory_exhaustion
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.training.progress import Progress


@named_memory_exhaustion("--batch_size")
@named_read_failures()
def evaluate_pytorch_weights(config: EvaluationConfig, genotype: Genotype, weights: str) -> dict[str, Any]:
    """Tests and exports a genotype's network with weights from a PyTorch network; trains nothing.

    Args:
        config: The settings.
        genotype: The cells.
        weights: The file of weights.

    Returns:
        The contents of summary.json; its paths are relative to the run folder.

    Raises:
        EoinasError: The weights or the data cannot be read, the weights belong to another network or give values that
            are not finite, or the run folder cannot be used.
    """
    check_packages(config.export_formats)
    # All this before opening the run folder, which would keep the settings of a first try even if the weights do not
    # fit.
    with opened_weights(weights) as tensors:
        dataset = load_images(config)
        preprocessing = choose_preprocessing(config, dataset)
        # A test needs no auxiliary head, and the code bases that weights come from differ in theirs.
        config_of_network = dataclasses.replace(config, auxiliary_weight=0.0)
        network = build_network(config_of_network, genotype, dataset.image_shape, dataset.num_classes)
        load_pytorch_weights(network, tensors)
    with RunDirectory(config) as run:
        keep_genotype(run, config, genotype)
        keep_dataset(run, dataset_fingerprint(dataset))
        _compare_weights(run, weights)
        check_exports(run.path, config.export_formats)
        progress = Progress(0, is_quiet=config.quiet)
        progress.say(dataset.counts)
        progress.doing(f"testing on {len(dataset.test)} images", stays=True)
        tests = test_batches(dataset.test, preprocessing, batch_size=config.batch_size)
        predictions = collect_predictions(network, tests, dataset.num_classes)
        if not math.isfinite(predictions.loss):
            raise NonFiniteError(
                f"--pytorch_weights={weights}: with these weights the loss of the test images is {predictions.loss}; "
                "they are damaged, or those of another network"
            )
        summary = {
            **keep_outcome(
                run,
                config,
                network,
                dataset,
                preprocessing,
                predictions,
                epoch=0,
                say=functools.partial(progress.doing, stays=True),
            ),
            "normalization": config.normalization,
            "pytorch_weights": weights,
            "pytorch_weights_sha256": file_digest(weights),
        }
        # For `load_run` and `--initial_weights`, as of a training run.
        Checkpoints(run.checkpoints, {"network": network.variables}).save(0, {"epoch": 0, "step": 0})
        write_json(run.summary, summary)
        write_report(run.path)
        progress.result(training_result(run, summary, dataset.num_classes))
        return summary


def _compare_weights(run: RunDirectory, weights: str) -> None:
    """Raises a RunDirectoryError if a finished run had other weights in the file."""
    if not run.summary.exists():
        return
    try:
        stored = json.loads(run.summary.read_text(encoding="utf-8"))["pytorch_weights_sha256"]
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise RunDirectoryError(
            f"{run.summary} cannot be read ({type(error).__name__}); name another --run_dir"
        ) from None
    if stored != file_digest(weights):
        raise RunDirectoryError(
            f"--pytorch_weights={weights} holds other weights than those that the run in {run.path} tested; name "
            "another --run_dir"
        )
