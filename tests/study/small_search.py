"""The files of a finished search, made up: two drops, on one edge of each cell."""

import json

import numpy as np

from eoinas_tf.space.cell_topology import CELL_TYPES, EDGES
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import OPERATION_NAMES

OPERATIONS = OPERATION_NAMES
SHAPE = (2, 14, 8)
PAIRS = (
    ("sep_conv_3x3", 0), ("skip_connect", 1), ("sep_conv_3x3", 0), ("skip_connect", 2),
    ("sep_conv_3x3", 3), ("max_pool_3x3", 1), ("sep_conv_3x3", 4), ("avg_pool_3x3", 0),
)  # fmt: skip
GENOTYPE = Genotype(PAIRS, (2, 3, 4, 5), PAIRS, (2, 3, 4, 5), "made up")


def by_cell(values):
    """Returns an array as in metrics.jsonl."""
    return {
        cell: [[None if np.isnan(one) else float(one) for one in row] for row in values[number]]
        for number, cell in enumerate(CELL_TYPES)
    }


def drop(epoch, cell_type, edge, operation):
    return {"epoch": epoch, "cell": CELL_TYPES[cell_type], "edge": edge, "operation": OPERATIONS[operation]}


def record(epoch, weights, term=0.05, dropped=(), **columns):
    """Returns a record with beta, with I = beta + term and with further arrays, all null where dropped."""
    columns = {"operation_weight": weights, "importance": weights + term, **columns}
    columns = {name: values.copy() for name, values in columns.items()}
    for values in columns.values():
        for position in dropped:
            values[position] = np.nan
    return {
        "epoch": epoch,
        "operations": list(OPERATIONS),
        **{name: by_cell(values) for name, values in columns.items()},
    }


def rising_weights():
    """Returns a beta that rises from operation to operation, the same on all edges."""
    return np.broadcast_to(np.arange(1.0, 9.0) / 36.0, SHAPE).copy()


def write_search(folder, metrics=None, drops=None, **config):
    """Writes the folder of a search of three epochs."""
    folder.mkdir(parents=True, exist_ok=True)
    if metrics is None:
        weights = rising_weights()
        metrics = [record(1, weights), record(2, weights), record(3, weights, dropped=[(0, 0, 1)])]
        drops = [drop(2, 0, 0, 1), drop(3, 1, 13, 2)]
    settings = {"kind": "SearchConfig", "seed": 3, "epochs": len(metrics), "importance_weight": 0.5} | config
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in metrics))
    (folder / "pruning.jsonl").write_text("".join(json.dumps(one) + "\n" for one in drops))
    (folder / "genotype.json").write_text(GENOTYPE.to_json())
    summary = {"validation_accuracy": 0.5, "warnings": ["a"]}
    (folder / "summary.json").write_text(json.dumps(summary))


def all_dropped_but(survivors):
    """Returns two epochs' records and drops that leave one operation on each edge.

    Args:
        survivors: int [2, 14], the operation that stays.
    """
    weights = rising_weights()
    drops = [
        drop(2 if operation else 1, cell_type, edge.index, operation)
        for cell_type in range(2)
        for edge in EDGES
        for operation in range(8)
        if operation != survivors[cell_type, edge.index]
    ]
    first_gone = [(position[0], position[1], 0) for position in np.ndindex(2, 14) if survivors[position] != 0]
    return [record(1, weights), record(2, weights, dropped=first_gone)], drops


def write_planned_search(run, metrics=None, drops=None, **config):
    """Writes the folder of a planned search, with its settings unless others are given."""
    write_search(run.folder, metrics, drops, **json.loads(run.config.to_json()) | config)
