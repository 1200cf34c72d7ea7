"""A search's console output: its header, a row per epoch, and its result."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.image_split import ImageDataset
from eoinas_tf.experiment.readable_values import rounded_count
from eoinas_tf.experiment.report.run_commands import next_command_line
from eoinas_tf.experiment.report.run_record import read_run
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.search.search_method import SearchMethod
from eoinas_tf.search.super_network_cost import count_elements, mean_multiply_adds
from eoinas_tf.space.cell_topology import EDGE_COUNT
from eoinas_tf.supernet.search_network import SearchNetwork
from eoinas_tf.training.console_text import HARD_SPACE, broken_command, broken_lines, labelled_rows
from eoinas_tf.training.epoch_table import loss_text, percent_text, speed_text
from eoinas_tf.training.image_rows import image_rows

EPOCH_TITLES = ("epoch", "train %", "loss", "valid %", "loss", "images/s", "dropped", "left")
# To the right of the epoch column.
INDENT = " " * 9
WEIGHT_STEP, ARCHITECTURE_STEP = "weight step", "architecture step"


def search_header(
    config: SearchConfig,
    dataset: ImageDataset,
    halves: tuple[np.ndarray, np.ndarray],
    network: SearchNetwork,
    method: SearchMethod,
    total_epochs: int,
) -> tuple[str, str]:
    """Returns the text shown before the first step.

    Args:
        config: The search's settings.
        dataset: The images.
        halves: Indices of the training images that train the weights, and of those that train the architecture.
        network: The super network of the first stage that is left to run.
        method: The search method.
        total_epochs: Epochs of the search.

    Returns:
        A line about the images, and rows for everything else.
    """
    weights = count_elements(network.trainable_variables)
    warmup = sum(method.is_warmup(epoch) for epoch in range(1, total_epochs + 1))
    operations = len(method.problem.operation_names)
    multiply_adds = rounded_count(mean_multiply_adds(network, dataset.image_shape))
    rows = {
        **image_rows(dataset),
        "split": f"{len(halves[0])} images train the weights, {len(halves[1])} the architecture "
        f"(--split_seed={config.split_seed}); the test images are not used",
        "method": f"{method.title}, seed {config.seed}",
        "super network": f"{len(network.cells)} cells, {config.init_channels} channels, {operations} operations on "
        f"each of {EDGE_COUNT} edges",
        "size": f"{rounded_count(weights)} parameters; {multiply_adds} multiply-adds "
        "an image with one operation an edge, on average",
        "epochs": f"{total_epochs} (warm-up: {warmup}), each of {method.problem.steps_per_epoch} steps of "
        f"{config.batch_size} images",
        "run folder": config.run_dir,
    }
    return dataset.size, labelled_rows(rows)


def epoch_values(
    record: Mapping[str, Any], total_epochs: int, timing: Mapping[str, float], dropped: np.ndarray, time_left: str
) -> tuple[str, ...]:
    """Returns the texts of an epoch's row, in the order of `EPOCH_TITLES`.

    Args:
        record: The epoch's line of metrics.jsonl.
        total_epochs: Epochs of the search.
        timing: Its line of timing.jsonl.
        dropped: The dropped operations, bool [cell types, edges, operations].
        time_left: The estimated time left.
    """
    return (
        f"{record['epoch']}/{total_epochs}",
        percent_text(record["weights_accuracy"]),
        loss_text(record["weights_loss"]),
        percent_text(record["architecture_accuracy"]),
        loss_text(record["architecture_loss"]),
        speed_text(timing["images_per_second"]),
        str(int(dropped.sum()) or "-"),
        time_left,
    )


def dropped_text(dropped: np.ndarray, operation_names: tuple[str, ...]) -> str:
    """Returns how often each operation was dropped, the most frequent first; empty if none was.

    Args:
        dropped: The dropped operations, bool [cell types, edges, operations].
        operation_names: Names of the operations.
    """
    counts = Counter(operation_names[index] for index in np.nonzero(dropped)[-1])
    if not counts:
        return ""
    # A count stays on one line with its name.
    names = ", ".join(f"{count}{HARD_SPACE}{name}" for name, count in counts.most_common())
    return broken_lines(f"dropped: {names}", INDENT, INDENT)


def search_result(run: RunDirectory, summary: Mapping[str, Any]) -> str:
    """Returns the text shown at the end of a search.

    Args:
        run: The run folder, finished.
        summary: The contents of summary.json.
    """
    accuracy = summary["validation_accuracy"]
    if accuracy is None:
        score = "no network was trained and no image was read, so that nothing ranks it"
    else:
        score = (
            f"{100 * accuracy:.2f} % of the validation half in its own super network, which ranks searches and is not "
            "the final network's accuracy"
        )
    identities = summary["skip_connections"]
    has_curves = run.config.tensorboard and accuracy is not None
    rows = {
        "score": score,
        "identities": f"{identities['normal']} in the normal cell, {identities['reduce']} in the reduction cell",
        "report": str(run.report),
        "pictures": str(run.plots),
        "curves": f"tensorboard{HARD_SPACE}--logdir={run.tensorboard}" if has_curves else "",
    }
    words, command = next_command_line(read_run(run.path))
    return f"found {run.genotype}\n{labelled_rows(rows)}\n{words}\n{broken_command(command)}"
