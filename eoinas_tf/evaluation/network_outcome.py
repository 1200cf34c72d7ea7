"""What comes of a network, trained here or loaded: the report of its test, its exports, its figures."""

from typing import Any

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.evaluation.final_networks import FinalNetwork
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.evaluation.network_exports import export_network
from eoinas_tf.evaluation.prediction_report import write_prediction_report
from eoinas_tf.evaluation.predictions import Predictions
from eoinas_tf.experiment.export_formats import EXPORT_FORMATS
from eoinas_tf.experiment.progress import Progress
from eoinas_tf.experiment.run_directory import RunDirectory


def keep_outcome(
    run: RunDirectory,
    config: EvaluationConfig,
    network: FinalNetwork,
    dataset: ImageDataset,
    preprocessing: Preprocessing,
    predictions: Predictions,
    epoch: int,
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

    Returns:
        What summary.json says of it; paths are relative to the run folder.

    Raises:
        StorageError: A file could not be written, or an export says something else than the network.
    """
    write_prediction_report(run, dataset, predictions, epoch)
    exports = export_network(network, config, dataset, preprocessing, run.path)
    parameters, auxiliary_parameters = count_parameters(network)
    return {
        "dataset": config.dataset,
        "test_accuracy": predictions.accuracy,
        "test_top_5_accuracy": predictions.top_5_accuracy,
        "test_loss": predictions.loss,
        "parameters": parameters,
        "auxiliary_parameters": auxiliary_parameters,
        "multiply_adds": count_multiply_adds(network, dataset.image_shape),
        "genotype": run.genotype.name if run.genotype.exists() else None,
        **exports,
    }


def say_outcome(progress: Progress, run: RunDirectory, summary: dict[str, Any]) -> None:
    """Prints the result and where everything is.

    Args:
        progress: Where to.
        run: The run folder.
        summary: What summary.json holds, with what `keep_outcome` returned.
    """
    progress.say(
        f"test accuracy {100 * summary['test_accuracy']:.2f} % (top 5: {100 * summary['test_top_5_accuracy']:.2f} %), "
        f"{summary['parameters']} parameters, {summary['multiply_adds']} multiply-adds"
    )
    for name in EXPORT_FORMATS:
        if name in summary:
            progress.say(f"{name} export {run.path / summary[name]}")
    progress.say(f"results {run.summary}, classes {run.class_accuracy}, pictures {run.plots}")
