"""The console output of a final training run: its header, a row per epoch, and its result."""

from collections.abc import Mapping
from typing import Any

from eoinas_tf.config import CELLS, EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset
from eoinas_tf.evaluation.final_networks import FinalNetwork
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.evaluation.peak_memory import MEBIBYTE
from eoinas_tf.evaluation.predictions import RANKS
from eoinas_tf.experiment.export_formats import EXPORT_FORMATS
from eoinas_tf.experiment.export_measurement import cost_in_words
from eoinas_tf.experiment.readable_values import rounded_count
from eoinas_tf.experiment.report.run_commands import next_command_line
from eoinas_tf.experiment.report.run_record import read_run
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.training.console_text import HARD_SPACE, broken_command, labelled_rows
from eoinas_tf.training.epoch_table import loss_text, percent_text, speed_text
from eoinas_tf.training.image_rows import image_rows

PART_TITLES = {"test": "test %", "validation": "valid %"}
TRAINING_STEP, FROZEN_STEP = "training step", "training step with a frozen backbone"


def training_header(
    config: EvaluationConfig, dataset: ImageDataset, network: FinalNetwork, epoch_steps: int, budget: str = ""
) -> tuple[str, ...]:
    """Returns the text shown before the first step.

    Args:
        config: The settings, with as many channels as the network has.
        dataset: The images.
        network: The network.
        epoch_steps: Steps of an epoch.
        budget: A sentence on the network chosen by a budget; empty without one.

    Returns:
        A line about the images, one about the budget if there is one, and rows for everything else.
    """
    parameters, auxiliary = count_parameters(network)
    size = f"{rounded_count(parameters)} parameters"
    if auxiliary:
        size += f" and {rounded_count(auxiliary)} of the auxiliary head, in training only"
    size += f"; {rounded_count(count_multiply_adds(network, dataset.image_shape))} multiply-adds an image"
    stem = f"{config.init_channels} channels, stem {config.stem}"
    if config.network == CELLS:
        what = f"cells of {config.genotype or config.initial_weights}: {config.cells} cells, {stem}"
    else:
        what = f"{config.network}: {stem}"
    weights = ""
    if config.initial_weights:
        weights = f"of {config.initial_weights}, all but the classifier's"
        if config.freeze_backbone_epochs:
            weights += f"; frozen in the first {config.freeze_backbone_epochs} epochs"
    rows = {
        **image_rows(dataset),
        "network": what,
        "weights": weights,
        "size": size,
        "epochs": f"{config.epochs}, each of {epoch_steps} steps of {config.batch_size} images; seed {config.seed}",
        "run folder": config.run_dir,
    }
    return (dataset.size, *([budget] if budget else []), labelled_rows(rows))


def epoch_titles(part: str) -> tuple[str, ...]:
    """Returns the titles of the table of epochs.

    Args:
        part: The images tested at the end of each epoch, `test` or `validation`.
    """
    return ("epoch", "train %", "loss", PART_TITLES[part], "loss", "images/s", "left")


def epoch_values(
    record: Mapping[str, Any], part: str, total_epochs: int, timing: Mapping[str, float], time_left: str
) -> tuple[str, ...]:
    """Returns the texts of an epoch's row, in the order of `epoch_titles`.

    Args:
        record: The epoch's line of metrics.jsonl.
        part: The images tested at its end, `test` or `validation`.
        total_epochs: Epochs of the training.
        timing: Its line of timing.jsonl.
        time_left: The estimated time left.
    """
    return (
        f"{record['epoch']}/{total_epochs}",
        percent_text(record["train_accuracy"]),
        loss_text(record["train_cross_entropy"]),
        percent_text(record[f"{part}_accuracy"]),
        loss_text(record[f"{part}_loss"]),
        speed_text(timing["images_per_second"]),
        time_left,
    )


def stop_message(epoch: int, best: int | None) -> str:
    """Returns the text shown when `early_stopping_epochs` stops a run.

    Args:
        epoch: The last epoch.
        best: The epoch with the highest validation accuracy.
    """
    return f"the validation accuracy has not risen since epoch {best}: the training ends after epoch {epoch}"


def training_result(run: RunDirectory, summary: Mapping[str, Any], num_classes: int) -> str:
    """Returns the text shown at the end of a training run or test.

    Args:
        run: The run folder, finished.
        summary: The contents of summary.json.
        num_classes: Number of classes; if there are few, the right one is always among the five most likely.
    """
    accuracy = f"test accuracy {100 * summary['test_accuracy']:.2f} %"
    if num_classes > RANKS:
        accuracy += f" (top 5: {100 * summary['test_top_5_accuracy']:.2f} %)"
    if "test_balanced_accuracy" in summary:
        accuracy += (
            f"; all classes weighted equally: balanced accuracy {100 * summary['test_balanced_accuracy']:.2f} %, "
            f"macro F1 {100 * summary['test_macro_f1']:.2f} %"
        )
    record = read_run(run.path)
    exports = {
        name: f"{run.path / summary[name]}" + (f": {_measured(record.exports[name])}" if name in record.exports else "")
        for name in EXPORT_FORMATS
        if name in summary
    }
    rows = {
        "weights": _choice(summary),
        "size": f"{rounded_count(summary['parameters'])} parameters, {rounded_count(summary['multiply_adds'])} "
        "multiply-adds an image" + _peak_memory(summary),
        "report": str(run.report),
        **exports,
        "keras": f"{run.keras_model}, for keras.models after import eoinas_tf",
        "results": f"{run.summary}, {run.class_accuracy}",
        "pictures": str(run.plots),
        "curves": f"tensorboard{HARD_SPACE}--logdir={run.tensorboard}" if run.config.tensorboard else "",
    }
    words, command = next_command_line(record)
    warnings = "".join(f"warning: {warning}\n" for warning in summary.get("warnings", ()))
    return f"{accuracy}\n{labelled_rows(rows)}\n{warnings}{words}\n{broken_command(command)}"


def _choice(summary: Mapping[str, Any]) -> str:
    """Returns which epoch's weights were tested; empty if validation images chose none."""
    if not summary.get("chosen_epoch"):
        return ""
    accuracy = f"{100 * summary['validation_accuracy']:.2f} % of {summary['validation_images']} validation images"
    return f"of epoch {summary['chosen_epoch']} of {summary['epochs']}: {accuracy}"


def _peak_memory(summary: Mapping[str, Any]) -> str:
    """Returns the peak memory in words, empty where it had no budget."""
    if "peak_memory_bytes" not in summary:
        return ""
    return f", {summary['peak_memory_bytes'] / MEBIBYTE:.3g} MiB peak memory of its activations"


def _measured(figures: Mapping[str, Any]) -> str:
    """Returns an export's figures in words."""
    return f"{100 * figures['test_accuracy']:.2f} % of {figures['test_images']} test images, {cost_in_words(figures)}"
