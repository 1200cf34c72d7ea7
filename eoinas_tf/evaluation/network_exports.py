"""The exports of a trained network: which ones, where, and how they are compared and tested."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.augmentation import normalize_channels
from eoinas_tf.data.image_datasets import ImageDataset, ImageSplit
from eoinas_tf.data.image_resizing import fit_images
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.evaluation.conversion_failures import named_conversion_errors
from eoinas_tf.evaluation.final_networks import FinalNetwork
from eoinas_tf.evaluation.full_precision_network import full_precision_network
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.experiment.export_folder import check_replaceable
from eoinas_tf.experiment.export_formats import EXPORT_FORMATS, export_classifier
from eoinas_tf.experiment.export_measurement import ExportMeasurement, ExportTest, accuracy_warning
from eoinas_tf.experiment.exported_classifier import ExportedClassifier
from eoinas_tf.random_seeds import epoch_order

IMAGES_COMPARED = 8
# Size limit of the test images, as they go through a file; most data sets fit entirely.
LARGEST_TEST_BYTES = 256 * 2**20
# Exact exports have been compared with the network and share its accuracy.
IMAGES_OF_EXACT_EXPORTS = 256
IMAGES_LOADED_AT_ONCE = 256


class NetworkExports(NamedTuple):
    """The results of exporting a network.

    Args:
        paths: Path to give to a program that serves an export, relative to the run folder, by format.
        measurements: Measurements by format.
        warnings: A line for each quantized export that lost accuracy.
    """

    paths: dict[str, str]
    measurements: dict[str, ExportMeasurement]
    warnings: tuple[str, ...]


def check_exports(run_path: Path, format_names: Sequence[str]) -> None:
    """Makes sure, before any work, that no export would replace something that is not an export.

    Args:
        run_path: The run folder.
        format_names: The formats.

    Raises:
        StorageError: A folder with a format's name holds something else.
    """
    for name in format_names:
        check_replaceable(run_path / name)


def export_network(
    network: FinalNetwork,
    config: EvaluationConfig,
    dataset: ImageDataset,
    preprocessing: Preprocessing,
    run_path: Path,
    predicted: np.ndarray,
) -> NetworkExports:
    """Exports a network; another process runs each export, compares it on some test images, tests it and times it.

    Args:
        network: The trained network.
        config: Formats, the way images of another size are resized, threads and calibration.
        dataset: Its data set.
        preprocessing: Its normalization, which becomes part of the exports.
        run_path: The run folder; each format's export is the subfolder of its name.
        predicted: The classes that the network predicts for the test images, int [n].

    Returns:
        The exports and their measurements.

    Raises:
        StorageError: An export could not be written, or its outputs differ from the network's.
    """
    mean, standard_deviation = preprocessing.mean, preprocessing.standard_deviation
    names = tuple(dict.fromkeys(config.export_formats))
    network = full_precision_network(network, dataset.image_shape)
    served = ServedNetwork(network)
    # On the CPU, as exports run on it for the comparison.
    with tf.device("CPU:0"):
        images = dataset.test.read(range(min(IMAGES_COMPARED, len(dataset.test))))
        probabilities = tf.nn.softmax(served(normalize_channels(images, mean, standard_deviation)))
    calibration = None
    if any(EXPORT_FORMATS[name].is_calibrated for name in names):
        calibration = drawn_images(dataset.train, config.calibration_images, config.seed, "calibration images")[0]
    classifier = ExportedClassifier(
        served,
        dataset.image_shape,
        dataset.class_names,
        mean=mean,
        standard_deviation=standard_deviation,
        fit_images=lambda images: fit_images(images, dataset.image_shape[:2], config.resize_side),
        calibration_images=calibration,
        quantizable_network=ServedNetwork(network, is_quantizable=True),
    )
    is_exact = all(EXPORT_FORMATS[name].is_exact for name in names)
    test = export_test(config, dataset, predicted, IMAGES_OF_EXACT_EXPORTS if is_exact else None)
    paths, measurements, warnings = {}, {}, []
    for name in names:
        with named_conversion_errors(name, f"--export_formats={name}"):
            measurement = export_classifier(
                classifier, name, run_path / name, images, probabilities.numpy(), test, config.resize_side
            )
        paths[name] = str(Path(name, EXPORT_FORMATS[name].file_name))
        measurements[name] = measurement
        export_format = EXPORT_FORMATS[name]
        warning = None if export_format.is_exact else accuracy_warning(name, measurement, export_format.is_calibrated)
        warnings += [warning] if warning else []
    return NetworkExports(paths, measurements, tuple(warnings))


def export_test(
    config: EvaluationConfig, dataset: ImageDataset, predicted: np.ndarray, most: int | None = None
) -> ExportTest:
    """Returns the test images for exports: all of them, or a sample if they are large and many.

    Args:
        config: Seed and threads.
        dataset: The data set.
        predicted: The classes that the network predicts for the test images, int [n].
        most: Most images to return; never more than fit in `LARGEST_TEST_BYTES`, but at least `IMAGES_COMPARED`.
    """
    fitting = max(IMAGES_COMPARED, LARGEST_TEST_BYTES // int(np.prod(dataset.image_shape)))
    count = min(most or fitting, fitting)
    images, chosen = drawn_images(dataset.test, count, config.seed, "export test images")
    labels = dataset.test.labels[chosen]
    return ExportTest(images, labels, float(np.mean(predicted[chosen] == labels)), config.latency_threads)


def drawn_images(split: ImageSplit, count: int, seed: int, purpose: str) -> tuple[np.ndarray, np.ndarray]:
    """Draws images of a split with a seed, prepared as in a test: resized for the network, not augmented.

    Args:
        split: The images.
        count: Number of images; all of them if there are fewer.
        seed: The run's seed.
        purpose: Their purpose; each purpose draws its own images.

    Returns:
        The images, uint8 [n, height, width, channels], and their positions, sorted, int64 [n].
    """
    chosen = np.sort(epoch_order(len(split), seed, purpose, 0)[:count])
    with tf.device("CPU:0"):
        parts = [
            split.read(chosen[first : first + IMAGES_LOADED_AT_ONCE])
            for first in range(0, len(chosen), IMAGES_LOADED_AT_ONCE)
        ]
    return np.concatenate(parts), chosen
