"""What the edges of the super network run in a step: one operation each, or the weighted sum of all living ones.

A choice covers both cell types; all cells of a type share their type's part of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from eoinas_tf.kernels.ordered_sums import fan_out
from eoinas_tf.random_seeds import ALGORITHM
from eoinas_tf.space.cell_topology import EDGE_COUNT


class Sampled(NamedTuple):
    """Every edge runs one operation.

    Args:
        operation_index: The operations to run, int32 [cell types, edges].
        gates: Weight of each of them, float32 [cell types, edges]: always 1, but differentiable with respect to the
            architecture parameters. None if the architecture learns nothing from the step.
    """

    operation_index: tf.Tensor
    gates: tf.Tensor | None = None


class SkipDropout(NamedTuple):
    """Element-wise dropout on the output of identity operations.

    Args:
        rate: Probability that an element becomes 0, float32 scalar in [0, 1).
        seed: Seed of the draw, int64 [2]; each edge of each cell derives its own from it.
    """

    rate: tf.Tensor
    seed: tf.Tensor


class Mixed(NamedTuple):
    """Every edge runs all of its living operations and adds their outputs, each multiplied by its weight.

    Args:
        weights: Weight of each operation, float32 [cell types, edges, operations].
        living_operations: Operations to run, bool of the same shape; the others cost nothing.
        skip_dropout: Dropout on identities; None: none.
    """

    weights: tf.Tensor
    living_operations: tf.Tensor
    skip_dropout: SkipDropout | None = None


class SampledOperation(NamedTuple):
    """An edge's part of `Sampled`: int32 scalar, and float32 scalar or None."""

    operation_index: tf.Tensor
    gate: tf.Tensor | None = None


class OperationMixture(NamedTuple):
    """An edge's part of `Mixed`: float32 and bool [operations], and the dropout with the edge's own seed or None."""

    weights: tf.Tensor
    living_operations: tf.Tensor
    skip_dropout: SkipDropout | None = None


Choice = Sampled | Mixed
EdgeChoice = SampledOperation | OperationMixture


def edge_choices(choice: Choice, cell_types: Sequence[int]) -> list[list[EdgeChoice]]:
    """Distributes a choice to the edges of all cells.

    Args:
        choice: What to run.
        cell_types: The type of each cell, an index of `CELL_TYPES`.

    Returns:
        By cell and edge; differentiable parts are copied for each cell, so that the cells' gradients are added in a
        fixed order.
    """
    if isinstance(choice, Sampled):
        indices = [tf.unstack(row) for row in tf.unstack(choice.operation_index)]
        gates: list[list[tf.Tensor | None]] = [[None] * EDGE_COUNT for _ in cell_types]
        if choice.gates is not None:
            gates = _by_cell(choice.gates, cell_types)
        return [
            [SampledOperation(index, gate) for index, gate in zip(indices[cell_type], gates[cell], strict=True)]
            for cell, cell_type in enumerate(cell_types)
        ]
    weights = _by_cell(choice.weights, cell_types)
    living = [tf.unstack(rows) for rows in tf.unstack(choice.living_operations)]
    return [
        [
            OperationMixture(
                weights[cell][edge], living[cell_type][edge], _own_dropout(choice.skip_dropout, cell, edge)
            )
            for edge in range(EDGE_COUNT)
        ]
        for cell, cell_type in enumerate(cell_types)
    ]


def _by_cell(values: tf.Tensor, cell_types: Sequence[int]) -> list[list[tf.Tensor]]:
    """Returns the values [cell types, edges, ...] of each cell's edges."""
    copies = [fan_out(rows, cell_types.count(cell_type)) for cell_type, rows in enumerate(tf.unstack(values))]
    return [tf.unstack(copies[cell_type].pop()) for cell_type in cell_types]


def _own_dropout(dropout: SkipDropout | None, cell: int, edge: int) -> SkipDropout | None:
    if dropout is None:
        return None
    return SkipDropout(dropout.rate, tf.random.fold_in(dropout.seed, cell * EDGE_COUNT + edge, alg=ALGORITHM))
