"""A search's records of an epoch: its line of metrics.jsonl, its drops, its TensorBoard curves and pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eoinas_tf.experiment.tensorboard_logging import TensorBoardLogger
from eoinas_tf.optimization.step_results import Means
from eoinas_tf.search.leading_operations import leading_operations
from eoinas_tf.search.search_method import Evidence
from eoinas_tf.space.cell_topology import CELL_TYPES, EDGES
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import NONE, SKIP_CONNECT
from eoinas_tf.training.epoch_log import EpochLog

# The TensorBoard runs whose curves share a chart, and the kind of step each one shows.
CURVE_RUNS = {"training": "weights", "validation": "architecture"}
CHARTS = {
    "loss of both halves of the images": ["^loss$"],
    "accuracy of both halves of the images": ["^accuracy$"],
    "edges led by none or the identity": ["^cells/edges_led_by_"],
    "entropy of the operation weights": ["^cells/entropy_"],
    "learning rate": ["^schedule/learning_rate$"],
    "temperature and what else the method schedules": ["^schedule/(?!learning_rate$)"],
}
EDGE_NAMES = tuple(f"{edge.from_node}-{edge.to_node}" for edge in EDGES)


def metrics_record(
    epoch: int,
    schedule: Mapping[str, float],
    learning_rate: float,
    weight_means: Means,
    architecture_means: Means,
    evidence: Evidence,
    operation_names: Sequence[str],
) -> dict[str, Any]:
    """Returns an epoch's line of metrics.jsonl.

    Args:
        epoch: The epoch, counted from 1.
        schedule: The epoch's schedule values, such as the temperature.
        learning_rate: SGD's learning rate at the epoch's end.
        weight_means: Loss and accuracy over the weight steps.
        architecture_means: Loss and accuracy over the architecture steps; None if there were none.
        evidence: What the method knows before the epoch's drop.
        operation_names: Names of the operations, in the order of the evidence's last axis.

    Returns:
        A JSON object, with each column of the evidence as lists [edges][operations] by cell type.
    """
    return {
        "epoch": epoch,
        "weights_loss": weight_means.loss,
        "weights_accuracy": weight_means.accuracy,
        "architecture_loss": architecture_means.loss,
        "architecture_accuracy": architecture_means.accuracy,
        **schedule,
        "learning_rate": learning_rate,
        **evidence_record(evidence, operation_names),
    }


def evidence_record(evidence: Evidence, operation_names: Sequence[str]) -> dict[str, Any]:
    """Returns the evidence as JSON objects, null where nothing is known, with the order of the operations."""
    columns = {
        column: {
            cell_name: [[_json_number(value) for value in row] for row in values[cell_type].tolist()]
            for cell_type, cell_name in enumerate(CELL_TYPES)
        }
        for column, values in evidence.columns.items()
    }
    return {"operations": list(operation_names), **columns}


def drop_records(
    epoch: int, dropped: np.ndarray, evidence: Evidence, operation_names: Sequence[str]
) -> list[dict[str, Any]]:
    """Describes each dropped operation, one line of pruning.jsonl each.

    Args:
        epoch: The epoch at whose end they are dropped.
        dropped: bool [cell types, edges, operations].
        evidence: The evidence that the drop is based on.
        operation_names: Names of the operations.

    Returns:
        Records in order of cell type and edge, with the operation's value in each column of the evidence.
    """
    records = []
    remaining = evidence.living_operations & ~dropped
    for cell_type, edge_index, operation in np.argwhere(dropped).tolist():
        position = (cell_type, edge_index, operation)
        records.append(
            {
                "epoch": epoch,
                "cell": CELL_TYPES[cell_type],
                "edge": edge_index,
                "from_node": EDGES[edge_index].from_node,
                "to_node": EDGES[edge_index].to_node,
                "operation": operation_names[operation],
                **{column: _json_number(float(values[position])) for column, values in evidence.columns.items()},
                "remaining": [
                    operation_names[index] for index in np.flatnonzero(remaining[cell_type, edge_index]).tolist()
                ],
            }
        )
    return records


def drop_epochs(records: Sequence[dict[str, Any]], operation_names: Sequence[str]) -> np.ndarray:
    """Returns the epoch at whose end each operation was dropped.

    Args:
        records: Records of pruning.jsonl.
        operation_names: Names of the operations.

    Returns:
        int64 [cell types, edges, operations]; 0: not dropped.
    """
    epochs = np.zeros((len(CELL_TYPES), len(EDGES), len(operation_names)), np.int64)
    for record in records:
        position = CELL_TYPES.index(record["cell"]), record["edge"], list(operation_names).index(record["operation"])
        epochs[position] = record["epoch"]
    return epochs


def log_epoch(
    log: EpochLog,
    record: Mapping[str, Any],
    schedule: Mapping[str, float],
    images_per_second: float,
    evidence: Evidence,
    operation_names: Sequence[str],
) -> None:
    """Writes an epoch to TensorBoard, with the losses and accuracies of both halves of the images in one chart each.

    Args:
        log: The run's log.
        record: The epoch's line of metrics.jsonl.
        schedule: The epoch's schedule values, such as the temperature.
        images_per_second: Training and validation images handled per second.
        evidence: What the method knows before the epoch's drop.
        operation_names: Names of the operations.
    """
    epoch, living, scores = record["epoch"], evidence.living_operations, evidence.scores
    for name, steps in CURVE_RUNS.items():
        means = {tag: record[f"{steps}_{tag}"] for tag in ("loss", "accuracy")}
        if known := {tag: mean for tag, mean in means.items() if mean is not None}:
            log.curve_run(name).scalars(epoch, known)
    scalars = {
        **{f"schedule/{name}": value for name, value in schedule.items()},
        "schedule/learning_rate": record["learning_rate"],
        "speed/images_per_second": images_per_second,
        "cells/living_operations": float(living.sum()),
    }
    for cell_type, cell_name in enumerate(CELL_TYPES):
        leaders = leading_operations(np.where(living, scores, np.nan)[cell_type], operation_names)
        for name in (NONE, SKIP_CONNECT):
            scalars[f"cells/edges_led_by_{name}_{cell_name}"] = float(np.sum(leaders == name))
        if "operation_weight" in evidence.columns:
            entropy = _entropy(evidence.columns["operation_weight"][cell_type])
            scalars[f"cells/entropy_of_operation_weights_{cell_name}"] = entropy
    log.tensorboard.scalars(epoch, {tag: value for tag, value in scalars.items() if value is not None})
    for column, values in evidence.columns.items():
        for cell_type, cell_name in enumerate(CELL_TYPES):
            present = values[cell_type][~np.isnan(values[cell_type])]
            if present.size:
                log.tensorboard.histograms(epoch, {f"{column}/{cell_name}": present})


def log_found_cells(logger: TensorBoardLogger, epoch: int, genotype: Genotype, operation_names: Sequence[str]) -> None:
    """Writes the found cells to TensorBoard, as pictures and as text.

    Args:
        logger: TensorBoard's writer.
        epoch: The last epoch.
        genotype: The cells.
        operation_names: Names of the operations.
    """
    # Here, so that the start does not wait for matplotlib.
    from eoinas_tf.experiment.cell_drawing import draw_cell, genotype_graph, operation_colors

    colors = operation_colors(operation_names)
    for cell_name, pairs in (("normal", genotype.normal), ("reduction", genotype.reduce)):
        logger.image(
            epoch, f"cells/found_{cell_name}", draw_cell(genotype_graph(pairs), f"found {cell_name} cell", colors)
        )
    logger.text(epoch, "search/genotype", f"```\n{genotype.to_json()}\n```")


def count_skip_connections(genotype: Genotype) -> dict[str, int]:
    """Returns how many identity operations each cell has: many of them are a known failure of cell searches."""
    cells = {"normal": genotype.normal, "reduce": genotype.reduce}
    return {name: sum(operation == SKIP_CONNECT for operation, _ in pairs) for name, pairs in cells.items()}


def _json_number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _entropy(operation_weights: np.ndarray) -> float:
    """Returns the mean entropy in nats of the edges' operation weights [edges, operations], NaN where dropped."""
    with np.errstate(divide="ignore", invalid="ignore"):
        products = operation_weights * np.log(operation_weights)
    return float(np.mean(-np.nansum(products, axis=-1)))
