"""What comes of a network, trained here or loaded: the report of its test, its exports, its figures."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.evaluation.final_networks import FinalNetwork
from eoinas_tf.evaluation.keras_classifier import keras_classifier
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.evaluation.network_exports import export_network
from eoinas_tf.evaluation.prediction_report import write_prediction_report
from eoinas_tf.evaluation.predictions import Predictions
from eoinas_tf.experiment.atomic_files import write_bytes
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.write_failures import write_failure


def keep_outcome(
    run: RunDirectory,
    config: EvaluationConfig,
    network: FinalNetwork,
    dataset: ImageDataset,
    preprocessing: Preprocessing,
    predictions: Predictions,
    epoch: int,
    say: Callable[[str, bool], None] = lambda text, stays: None,
) -> dict[str, Any]:
    """Writes the report of a network's test and its exports.

    Args:
        run: The open run folder.
        config: The settings.
        network: The network.
        dataset: Its data set.
        preprocessing: Its normalization, which becomes part of the exports.
        predictions: Its answers to the test images.
        epoch: Finished epochs of its training.
        say: Told what takes time now; its second argument is True.

    Returns:
        What summary.json says of it; paths are relative to the run folder.

    Raises:
        StorageError: A file could not be written, or an export says something else than the network.
    """
    say("drawing confusions", True)
    write_prediction_report(run, dataset, predictions, epoch)
    say(f"exporting {', '.join(config.export_formats)} and model.keras", True)
    exports = export_network(network, config, dataset, preprocessing, run.path)
    write_keras_model(run, network, dataset, preprocessing)
    parameters, auxiliary_parameters = count_parameters(network)
    return {
        "dataset": config.dataset,
        "test_accuracy": predictions.accuracy,
        "test_top_5_accuracy": predictions.top_5_accuracy,
        "test_loss": predictions.loss,
        "parameters": parameters,
        "auxiliary_parameters": auxiliary_parameters,
        "multiply_adds": count_multiply_adds(network, dataset.image_shape),
        "image_shape": list(dataset.image_shape),
        "mean": [float(value) for value in preprocessing.mean],
        "standard_deviation": [float(value) for value in preprocessing.standard_deviation],
        "keras_model": run.keras_model.name,
        "genotype": run.genotype.name if run.genotype.exists() else None,
        **exports,
    }


def write_keras_model(
    run: RunDirectory, network: FinalNetwork, dataset: ImageDataset, preprocessing: Preprocessing
) -> None:
    """Writes model.keras: raw pixels in, probabilities out, without the auxiliary head.

    Args:
        run: The open run folder.
        network: The network.
        dataset: Its data set.
        preprocessing: Its normalization, which becomes part of the model.

    Raises:
        StorageError: It could not be written.
    """
    model = keras_classifier(
        network,
        dataset.image_shape,
        mean=preprocessing.mean,
        standard_deviation=preprocessing.standard_deviation,
    )
    try:
        # Keras writes to files with this ending only.
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / run.keras_model.name
            model.save(file)
            content = file.read_bytes()
    except OSError as error:
        raise write_failure(run.keras_model, error) from None
    write_bytes(run.keras_model, content)
