"""One cell of the super network: 14 mixed operations between its nodes (section 3.1, Fig. 3)."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from eoinas_tf.kernels.ordered_sums import fan_out, ordered_sum
from eoinas_tf.space.cell_topology import EDGES, INPUT_NODES, INTERMEDIATE_NODES, edge_stride, incoming_edges
from eoinas_tf.space.convolution_blocks import FactorizedReduction, ReLUConvolution
from eoinas_tf.supernet.candidate_operations import CandidateOperations
from eoinas_tf.supernet.choice import EdgeChoice
from eoinas_tf.supernet.mixed_operation import MixedOperation


class SearchCell(keras.layers.Layer):
    """A normal or reduction cell in which every edge runs its part of the choice.

    Args:
        channels: Channels of each node.
        is_reduction: Whether operations next to the inputs have stride 2.
        follows_reduction: Whether the previous cell halved the size, so that the input from the cell before it must be
            halved too.
        candidates_for: Function of (channels, stride) that returns the traced function for
            such edges; cells that share it share their traces.

    Call arguments:
        before_previous: Nodes of the cell before the previous one, concatenated, after a ReLU,
            [batch, height, width, any].
        previous: Those of the previous cell, [batch, height, width, any].
        choices: What each of the 14 edges runs (see `MixedOperation`).
        train_weights: Whether a gradient with respect to the edges' weights may be requested.
    """

    def __init__(
        self,
        channels: int,
        is_reduction: bool,
        follows_reduction: bool,
        candidates_for: Callable[[int, int], CandidateOperations],
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        fit = FactorizedReduction if follows_reduction else ReLUConvolution
        self.fit_before_previous = fit(channels, affine=False, active_inputs=True, name="fit_before_previous")
        self.fit_previous = ReLUConvolution(channels, affine=False, active_inputs=True, name="fit_previous")
        self.edges = []
        for edge in EDGES:
            candidates = candidates_for(channels, edge_stride(edge, is_reduction))
            self.edges.append(
                MixedOperation(
                    channels,
                    candidates.stride,
                    candidates.operation_names,
                    candidates,
                    name=f"edge_{edge.from_node}_{edge.to_node}",
                )
            )

    def build(self, before_previous_shape, previous_shape) -> None:
        """Creates the weights for the two inputs' channels."""
        self.fit_before_previous.build(before_previous_shape)
        self.fit_previous.build(previous_shape)
        for mixed_operation in self.edges:
            mixed_operation.build((None, None, None, mixed_operation.channels))

    def call(
        self,
        before_previous: tf.Tensor,
        previous: tf.Tensor,
        choices: Sequence[EdgeChoice],
        train_weights: bool = True,
    ) -> list[tf.Tensor]:
        """Returns the four intermediate nodes, each [batch, height, width, channels]."""
        nodes = [self.fit_before_previous(before_previous), self.fit_previous(previous)]
        # Copies of each node: one per outgoing edge and, for an intermediate node, one for the cell's output.
        copies: list[list[tf.Tensor]] = [fan_out(node, INTERMEDIATE_NODES) for node in nodes]
        for node in range(INPUT_NODES, INPUT_NODES + INTERMEDIATE_NODES):
            total = ordered_sum(
                [
                    self.edges[edge.index](
                        copies[edge.from_node].pop(), choices[edge.index], train_weights=train_weights
                    )
                    for edge in incoming_edges(node)
                ]
            )
            copies.append(fan_out(total, INPUT_NODES + INTERMEDIATE_NODES - node))
        return [node_copies.pop() for node_copies in copies[INPUT_NODES:]]
