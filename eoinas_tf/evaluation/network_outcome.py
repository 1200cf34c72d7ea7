"""The results of a network that was trained or loaded: its test report, its exports, its figures."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.evaluation.class_measures import are_uneven
from eoinas_tf.evaluation.final_networks import FinalNetwork
from eoinas_tf.evaluation.keras_classifier import keras_classifier
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.evaluation.network_exports import NetworkExports, export_network
from eoinas_tf.evaluation.peak_memory import peak_memory_bytes
from eoinas_tf.evaluation.prediction_report import write_prediction_report
from eoinas_tf.evaluation.predictions import Predictions
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.experiment.atomic_files import write_bytes, write_json
from eoinas_tf.experiment.export_formats import EXPORT_FORMATS
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.write_failures import write_failure


def keep_outcome(
    run: RunDirectory,
    config: EvaluationConfig,
    network: FinalNetwork,
    dataset: ImageDataset,
    preprocessing: Preprocessing,
    predictions: Predictions,
    *,
    epoch: int,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Writes the report of a network's test and its exports.

    Args:
        run: The open run folder.
        config: The settings.
        network: The network.
        dataset: Its data set.
        preprocessing: Its normalization, which becomes part of the exports.
        predictions: Its predictions for the test images.
        epoch: Finished epochs of its training.
        say: Receives a text for each task that takes time.

    Returns:
        The network's part of summary.json; paths are relative to the run folder.

    Raises:
        StorageError: A file could not be written, or an export's outputs differ from the network's.
    """
    say("drawing confusions")
    measures = write_prediction_report(run, dataset, predictions, epoch)
    say(f"exporting {', '.join(config.export_formats)} and model.keras")
    exports = export_network(network, config, dataset, preprocessing, run.path, predictions.predicted)
    keep_measurements(run, exports)
    write_keras_model(run, network, dataset, preprocessing)
    parameters, auxiliary_parameters = count_parameters(network)
    return {
        "dataset": config.dataset,
        "test_accuracy": predictions.accuracy,
        "test_top_5_accuracy": predictions.top_5_accuracy,
        "test_loss": predictions.loss,
        **(measures.summary() if config.class_weights or are_uneven(dataset.train.labels) else {}),
        "parameters": parameters,
        "auxiliary_parameters": auxiliary_parameters,
        "multiply_adds": count_multiply_adds(network, dataset.image_shape),
        **of_memory_budget(network, config, dataset.image_shape),
        "image_shape": list(dataset.image_shape),
        "mean": [float(value) for value in preprocessing.mean],
        "standard_deviation": [float(value) for value in preprocessing.standard_deviation],
        "keras_model": run.keras_model.name,
        "genotype": run.genotype.name if run.genotype.exists() else None,
        **exports.paths,
        **of_quantized_exports(exports),
    }


def of_memory_budget(
    network: FinalNetwork, config: EvaluationConfig, image_shape: tuple[int, int, int]
) -> dict[str, int]:
    """Returns what summary.json says of the activations' peak memory, nothing where it had no budget.

    Args:
        network: The network.
        config: `max_peak_memory_mib`.
        image_shape: Height, width and channels of an image.
    """
    if not config.max_peak_memory_mib:
        return {}
    return {"peak_memory_bytes": peak_memory_bytes(ServedNetwork(network), image_shape)}


def keep_measurements(run: RunDirectory, exports: NetworkExports) -> None:
    """Writes exports.json, separate from the summary: clock readings and a SavedModel's size differ between runs.

    Args:
        run: The open run folder.
        exports: The exports.

    Raises:
        StorageError: It could not be written.
    """
    write_json(run.exports, {name: measurement.figures() for name, measurement in exports.measurements.items()})


def of_quantized_exports(exports: NetworkExports) -> dict[str, Any]:
    """Returns summary.json's part about quantized exports: accuracies and warnings, the same in every run.

    Args:
        exports: The exports; exact ones have the network's accuracy.
    """
    if all(EXPORT_FORMATS[name].is_exact for name in exports.measurements):
        return {}
    accuracies = {name: measurement.test_accuracy for name, measurement in exports.measurements.items()}
    return {
        "export_test_accuracy": accuracies,
        **({"warnings": list(exports.warnings)} if exports.warnings else {}),
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
        # Keras only writes to files with this ending.
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / run.keras_model.name
            model.save(file)
            content = file.read_bytes()
    except OSError as error:
        raise write_failure(run.keras_model, error) from None
    write_bytes(run.keras_model, content)
