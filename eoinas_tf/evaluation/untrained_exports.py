"""Size and latency of a network's exports before it is trained: with random weights, on this machine."""

import dataclasses
import gc
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.conversion_failures import named_conversion_errors
from eoinas_tf.evaluation.full_precision_network import FULL_PRECISION
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.experiment.export_formats import check_packages, measure_export
from eoinas_tf.experiment.export_measurement import ExportCost
from eoinas_tf.experiment.exported_classifier import ExportedClassifier
from eoinas_tf.optimization.precision import computing_in
from eoinas_tf.random_seeds import initial_weights_seed
from eoinas_tf.space.genotype import Genotype

# The format that the latency budget is measured on, and that `describe --measure` always includes.
TFLITE = "tflite"
# Random images, which also calibrate integers: the ranges of values do not change a model's latency.
IMAGES = 8
# Of pixel values; any will do.
MEAN, STANDARD_DEVIATION = 127.5, 64.0


def described_formats(format_names: Sequence[str]) -> tuple[str, ...]:
    """Returns the formats that `--measure` exports to: TensorFlow Lite in float32, then the requested ones.

    A SavedModel is left out: it is the default format, and phones do not run it.

    Args:
        format_names: The requested formats.
    """
    return tuple(dict.fromkeys((TFLITE, *(name for name in format_names if name != "saved_model"))))


def measure_untrained(
    config: EvaluationConfig,
    genotype: Genotype | None,
    image_shape: tuple[int, int, int],
    num_classes: int,
    format_names: Sequence[str],
    asked: str,
) -> dict[str, ExportCost]:
    """Exports the network that `build_network` builds, with random weights, and times each export in a new process.

    Files are deleted, and the caller's random generators and names of layers are left as they were.

    Args:
        config: As for `build_network`; `latency_threads`.
        genotype: The cells; None for a network without cells.
        image_shape: Height, width and channels of an image.
        num_classes: Number of classes.
        format_names: Keys of `EXPORT_FORMATS`.
        asked: The flag that needs the exports, for messages.

    Returns:
        Size and latency by format.

    Raises:
        ConfigurationError: A package is missing, or the network cannot be exported.
        StorageError: An export could not be written or run.
    """
    check_packages(format_names, asked)

    def measure() -> dict[str, ExportCost]:
        with (
            tf.device("CPU:0"),
            computing_in(FULL_PRECISION),  # As all exports do.
            initial_weights_seed(config.seed),
            tempfile.TemporaryDirectory(prefix="eoinas_untrained_") as folder,
        ):
            without_head = dataclasses.replace(config, auxiliary_weight=0.0)
            generator = np.random.default_rng(config.seed)
            network = build_network(without_head, genotype, image_shape, num_classes)
            # A converter removes additions of zeros and multiplications by ones, as in an untrained normalization.
            for variable in network.variables:
                if len(variable.shape) == 1:
                    variable.assign(generator.uniform(0.5, 1.5, variable.shape))
            images = generator.integers(0, 256, (IMAGES, *image_shape), np.uint8)
            classifier = ExportedClassifier(
                ServedNetwork(network),
                image_shape,
                [str(number) for number in range(num_classes)],
                mean=np.full(image_shape[2], MEAN),
                standard_deviation=np.full(image_shape[2], STANDARD_DEVIATION),
                fit_images=tf.identity,  # They have the network's size.
                calibration_images=images,
                quantizable_network=ServedNetwork(network, is_quantizable=True),
            )
            costs = {}
            for name in format_names:
                with named_conversion_errors(name, asked):
                    costs[name] = measure_export(classifier, name, Path(folder, name), images, config.latency_threads)
            return costs

    # Keras numbers layers and keeps their type for each thread.
    with ThreadPoolExecutor(max_workers=1) as executor:
        costs = executor.submit(measure).result()
    gc.collect()  # Graphs contain reference cycles and would stay in memory beside the caller's own.
    return costs
