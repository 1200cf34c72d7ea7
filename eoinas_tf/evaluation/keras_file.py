"""Weights from a .keras file: Keras reads them into a network built here, and executes nothing in the file."""

import zipfile

import numpy as np

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import WeightsError
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.final_networks import FinalNetwork
from eoinas_tf.evaluation.keras_classifier import keras_classifier
from eoinas_tf.evaluation.weight_source import WeightSource


def read_keras_file(source: WeightSource) -> FinalNetwork:
    """Builds the network that a file describes, without its auxiliary head, and reads its weights.

    Args:
        source: The file.

    Returns:
        The network; if the file holds a backbone, its classifier is untrained and has one class.

    Raises:
        WeightsError: The weights do not belong to the network that the file describes.
    """
    settings = {name: value for name, value in source.settings.items() if name != "operation_modules"}
    config = EvaluationConfig(**settings, auxiliary_weight=0.0)
    network = build_network(config, source.genotype(), source.image_shape, source.num_classes or 1)
    has_top = source.num_classes is not None
    # Keras finds weights by the kind and order of layers; a layer that normalizes pixels has none.
    model = keras_classifier(network, source.image_shape, mean=None, standard_deviation=None, include_top=has_top)
    for variable in model.variables:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    try:
        model.load_weights(source.location)
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"--initial_weights={source.path}: its weights are not those of the network that it describes "
            f"({' '.join(str(error).split())[:120]})"
        ) from None
    if not all(np.isfinite(variable.numpy()).all() for variable in model.variables):
        raise WeightsError(f"--initial_weights={source.path}: weights are missing in it, or are NaN or infinite")
    return network
