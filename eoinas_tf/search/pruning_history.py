"""The record of drops: a line of pruning.jsonl for each, and back to the epoch in which each operation went."""

from collections.abc import Sequence

import numpy as np

from eoinas_tf.search.judgement import Judgement
from eoinas_tf.space.cell_topology import CELL_TYPES, EDGES


def drop_records(epoch: int, dropped: np.ndarray, judgement: Judgement, operation_names: Sequence[str]) -> list[dict]:
    """Describes each dropped operation, one record of pruning.jsonl each.

    Args:
        epoch: The epoch at whose end they are dropped.
        dropped: bool [cell types, edges, operations].
        judgement: What led to the drop.
        operation_names: Names of the operations.

    Returns:
        Records in the order of cell types and edges; `accuracy` is Ca, null if the operation
        was sampled in no architecture step, and `training_iterations` is Ce.
    """
    records = []
    remaining = judgement.living_operations & ~dropped
    for cell_type, edge_index, operation in np.argwhere(dropped).tolist():
        position = (cell_type, edge_index, operation)
        architecture_steps = int(judgement.counts.architecture_steps[position])
        accuracy_sum = float(judgement.counts.accuracy_sums[position])
        records.append(
            {
                "epoch": epoch,
                "cell": CELL_TYPES[cell_type],
                "edge": edge_index,
                "from_node": EDGES[edge_index].from_node,
                "to_node": EDGES[edge_index].to_node,
                "operation": operation_names[operation],
                "operation_weight": float(judgement.operation_weights[position]),
                "accuracy": accuracy_sum / architecture_steps if architecture_steps else None,
                "training_iterations": float(judgement.training_iterations[position]),
                "importance": float(judgement.importance[position]),
                "remaining": [
                    operation_names[index] for index in np.flatnonzero(remaining[cell_type, edge_index]).tolist()
                ],
            }
        )
    return records


def drop_epochs(records: Sequence[dict], operation_names: Sequence[str]) -> np.ndarray:
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
