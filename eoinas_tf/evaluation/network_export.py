"""A final network, with the normalization of its images, as a SavedModel."""

from pathlib import Path

import tensorflow as tf

from eoinas_tf.data.augmentation import normalize
from eoinas_tf.data.image_split import ImageDataset
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.experiment.saved_model_export import ImageClassifier, export_saved_model

SAVED_MODEL = "saved_model"
IMAGES_COMPARED = 8


def export_network(
    network: EvaluationNetwork, dataset: ImageDataset, preprocessing: Preprocessing, folder: Path
) -> None:
    """Exports a network as a SavedModel, reloaded and compared on some test images.

    Args:
        network: The trained network.
        dataset: Its data set.
        preprocessing: Its normalization, which becomes part of the export.
        folder: Receives the SavedModel.

    Raises:
        StorageError: It could not be written, or says something else than the network.
    """
    mean, standard_deviation = preprocessing.mean, preprocessing.standard_deviation
    images = dataset.test.load_batch(tf.range(min(IMAGES_COMPARED, len(dataset.test)), dtype=tf.int64))
    served = ServedNetwork(network)
    probabilities = tf.nn.softmax(served(normalize(images, mean, standard_deviation)))
    classifier = ImageClassifier(served, dataset.image_shape, dataset.class_names, mean, standard_deviation)
    export_saved_model(classifier, folder, images.numpy(), probabilities.numpy())
