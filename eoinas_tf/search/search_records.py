"""What a search writes down: an epoch's line of metrics.jsonl, its TensorBoard curves and pictures."""

from typing import Any

import numpy as np

from eoinas_tf.experiment.tensorboard_logging import TensorBoardLogger
from eoinas_tf.optimization.step_results import Means
from eoinas_tf.space.cell_topology import CELL_TYPES, EDGES
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import SKIP_CONNECT

EDGE_NAMES = tuple(f"{edge.from_node}-{edge.to_node}" for edge in EDGES)


def metrics_record(
    epoch: int,
    temperature: float,
    learning_rate: float,
    weight_means: Means,
    architecture_means: Means,
    operation_weights: np.ndarray,
    importance: np.ndarray,
) -> dict[str, Any]:
    """Returns an epoch's line of metrics.jsonl.

    Args:
        epoch: The epoch, counted from 1.
        temperature: T of the epoch.
        learning_rate: SGD's learning rate at the epoch's end.
        weight_means: Loss and accuracy over the weight steps.
        architecture_means: Loss and accuracy over the architecture steps; None in the warm-up.
        operation_weights: beta [cell types, edges, operations].
        importance: I of the same shape, before the epoch's drop; NaN where dropped.

    Returns:
        A JSON object; beta and I as lists [edges][operations] by cell type, null where dropped.
    """
    living = ~np.isnan(importance)
    return {
        "epoch": epoch,
        "weights_loss": weight_means.loss,
        "weights_accuracy": weight_means.accuracy,
        "architecture_loss": architecture_means.loss,
        "architecture_accuracy": architecture_means.accuracy,
        "temperature": temperature,
        "learning_rate": learning_rate,
        "operation_weights": _by_cell_type(np.where(living, operation_weights, np.nan)),
        "importance": _by_cell_type(importance),
    }


def _by_cell_type(values: np.ndarray) -> dict[str, list[list[float | None]]]:
    return {
        cell_name: [[None if np.isnan(value) else float(value) for value in row] for row in values[cell_type]]
        for cell_type, cell_name in enumerate(CELL_TYPES)
    }


def log_epoch(
    logger: TensorBoardLogger,
    record: dict[str, Any],
    images_per_second: float,
    operation_logits: np.ndarray,
    operation_names: tuple[str, ...],
) -> None:
    """Writes an epoch to TensorBoard.

    Args:
        logger: Where to.
        record: The epoch's line of metrics.jsonl.
        images_per_second: Training and validation images handled a second.
        operation_logits: alpha [cell types, edges, operations].
        operation_names: Names of the operations.
    """
    epoch = record["epoch"]
    beta, importance = (
        np.array([record[key][cell_name] for cell_name in CELL_TYPES], dtype=np.float64)
        for key in ("operation_weights", "importance")
    )
    living = ~np.isnan(importance)
    scalars = {
        "loss/weights": record["weights_loss"],
        "loss/architecture": record["architecture_loss"],
        "accuracy/weights": record["weights_accuracy"],
        "accuracy/architecture": record["architecture_accuracy"],
        "schedule/temperature": record["temperature"],
        "schedule/learning_rate": record["learning_rate"],
        "speed/images_per_second": images_per_second,
        "cells/living_operations": float(living.sum()),
    }
    entropy = -np.nansum(beta * np.log(beta), axis=-1)
    for cell_type, cell_name in enumerate(CELL_TYPES):
        scalars[f"cells/entropy_of_beta_{cell_name}"] = float(entropy[cell_type].mean())
    logger.scalars(epoch, {tag: value for tag, value in scalars.items() if value is not None})
    alpha = np.where(living, operation_logits, np.nan)
    for prefix, values in (("alpha", alpha), ("beta", beta), ("importance", importance)):
        logger.per_edge(epoch, prefix, values, CELL_TYPES, EDGE_NAMES, operation_names)
        logger.histograms(epoch, {f"{prefix}/all_edges": values[living]})


def log_living_cells(
    logger: TensorBoardLogger, epoch: int, living_operations: np.ndarray, operation_names: tuple[str, ...]
) -> None:
    """Draws both cells with their living operations into TensorBoard.

    Args:
        logger: Where to.
        epoch: The epoch after which they live.
        living_operations: bool [cell types, edges, operations].
        operation_names: Names of the operations.
    """
    from eoinas_tf.experiment.cell_drawing import draw_cell  # Here, so that the start does not wait for matplotlib.

    names = np.array(operation_names)
    for cell_type, cell_name in enumerate(CELL_TYPES):
        graph = {
            (edge.from_node, edge.to_node): names[living_operations[cell_type, edge.index]].tolist() for edge in EDGES
        }
        logger.image(epoch, f"cells/{cell_name}", draw_cell(graph, f"{cell_name} cell after epoch {epoch}"))


def count_skip_connections(genotype: Genotype) -> dict[str, int]:
    """Returns how many identity operations each cell has: many of them are the known failure of cell searches."""
    cells = {"normal": genotype.normal, "reduce": genotype.reduce}
    return {name: sum(operation == SKIP_CONNECT for operation, _ in pairs) for name, pairs in cells.items()}
