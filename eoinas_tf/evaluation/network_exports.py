"""The exports of a trained network: which, where, and what they are compared with."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.augmentation import normalize
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.data.image_resizing import fit_images
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.evaluation.final_networks import FinalNetwork
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.experiment.export_folder import check_replaceable
from eoinas_tf.experiment.export_formats import EXPORT_FORMATS, export_classifier
from eoinas_tf.experiment.exported_classifier import ExportedClassifier

IMAGES_COMPARED = 8


def check_exports(run_path: Path, format_names: Sequence[str]) -> None:
    """Makes sure, before any work, that no export would replace what is not one.

    Args:
        run_path: The run folder.
        format_names: The formats.

    Raises:
        StorageError: A folder of a format's name holds something else.
    """
    for name in format_names:
        check_replaceable(run_path / name)


def export_network(
    network: FinalNetwork,
    config: EvaluationConfig,
    dataset: ImageDataset,
    preprocessing: Preprocessing,
    run_path: Path,
) -> dict[str, str]:
    """Exports a network, each export run by another process and compared on some test images.

    Args:
        network: The trained network.
        config: Names the formats, and how images of another size are brought to the network's.
        dataset: Its data set.
        preprocessing: Its normalization, which becomes part of the exports.
        run_path: The run folder; each format's export is the folder of its name.

    Returns:
        What a program that serves an export is given, relative to the run folder, by format.

    Raises:
        StorageError: An export could not be written, or says something else than the network.
    """
    mean, standard_deviation = preprocessing.mean, preprocessing.standard_deviation
    served = ServedNetwork(network)
    # On the processor, as the exports are run for the comparison.
    with tf.device("CPU:0"):
        images = dataset.test.load_batch(tf.range(min(IMAGES_COMPARED, len(dataset.test)), dtype=tf.int64))
        probabilities = tf.nn.softmax(served(normalize(images, mean, standard_deviation)))
    classifier = ExportedClassifier(
        served,
        dataset.image_shape,
        dataset.class_names,
        mean,
        standard_deviation,
        lambda images: fit_images(images, dataset.image_shape[:2], config.resize_side),
    )
    exports = {}
    for name in dict.fromkeys(config.export_formats):
        export_classifier(classifier, name, run_path / name, images.numpy(), probabilities.numpy())
        exports[name] = str(Path(name, EXPORT_FORMATS[name].file_name))
    return exports
