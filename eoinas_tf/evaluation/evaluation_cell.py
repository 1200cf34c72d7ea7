"""One cell of a final network, built from a genotype (paper, sections 3.1 and 4.3)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from eoinas_tf.evaluation.drop_path import DropPath, draw_path_scales, scale_path
from eoinas_tf.kernels.ordered_sums import fan_out, ordered_sum
from eoinas_tf.space.cell_topology import INPUT_NODES
from eoinas_tf.space.convolution_blocks import FactorizedReduction, ReLUConvolution
from eoinas_tf.space.genotype import INPUTS_PER_NODE, Genotype
from eoinas_tf.space.operation_names import SKIP_CONNECT
from eoinas_tf.space.operations import OPERATIONS


def genotype_from_data(genotype: Genotype | Mapping[str, Any]) -> Genotype:
    """Returns a genotype, given itself or `genotype_to_data`'s plain data, checked like a file."""
    return genotype if isinstance(genotype, Genotype) else Genotype.from_json(json.dumps(genotype))


def genotype_to_data(genotype: Genotype) -> dict[str, Any]:
    """Returns a genotype as dicts, lists, strings and numbers, for a Keras config."""
    return json.loads(genotype.to_json())


@keras.saving.register_keras_serializable(package="eoinas_tf")
class EvaluationCell(keras.layers.Layer):
    """A normal or reduction cell: two operations per node, summed; chosen nodes are concatenated.

    Args:
        genotype: The genotype, or its plain data.
        channels: Channels of every node.
        is_reduction: Whether the cell halves height and width: operations that read one of the
            cell's two inputs then have stride 2.
        follows_reduction: Whether the previous cell halved height and width, so that the input from the cell before
            that is twice as large as the other.

    Call arguments:
        inputs: Two tensors [batch, height, width, channels], float, each with its own channels: the outputs of the cell
            before the previous one and of the previous cell. With `follows_reduction`, the first has twice the second's
            height and width (rounded).
        training: Whether normalization uses the batch's statistics and paths are dropped.
        drop_path: Probability and seed, or None to drop no path.
    """

    def __init__(
        self,
        genotype: Genotype | Mapping[str, Any],
        channels: int,
        is_reduction: bool = False,
        follows_reduction: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.genotype = genotype_from_data(genotype)
        self.channels = channels
        self.is_reduction = is_reduction
        self.follows_reduction = follows_reduction
        self.edges = self.genotype.reduce if is_reduction else self.genotype.normal
        self.concatenated_nodes = self.genotype.reduce_concat if is_reduction else self.genotype.normal_concat
        # Keras's fit compiles whole steps with XLA if all layers support it, which takes minutes for twenty cells.
        self.supports_jit = False
        first_block = FactorizedReduction if follows_reduction else ReLUConvolution
        self.first_preprocessing = first_block(channels, name="first_preprocessing")
        self.second_preprocessing = ReLUConvolution(channels, name="second_preprocessing")
        self.operations = [
            OPERATIONS[operation](
                channels=channels, stride=self._stride(node), affine=True, name=f"operation_{position}"
            )
            for position, (operation, node) in enumerate(self.edges)
        ]

    def _stride(self, from_node: int) -> int:
        return 2 if self.is_reduction and from_node < INPUT_NODES else 1

    def _is_identity(self, operation: str, from_node: int) -> bool:
        return operation == SKIP_CONNECT and self._stride(from_node) == 1

    def layer_shapes(self, input_shapes: Sequence[tuple]) -> Iterator[tuple[keras.layers.Layer, tuple]]:
        """Yields each layer of the cell with the shape of its input, in the order of the call.

        Args:
            input_shapes: Shapes of the two inputs, [batch, height, width, channels] each.
        """
        first_shape, second_shape = (tuple(shape) for shape in input_shapes)
        yield self.first_preprocessing, first_shape
        yield self.second_preprocessing, second_shape
        input_shape = self.second_preprocessing.compute_output_shape(second_shape)
        node_shape = (*self.compute_output_shape(input_shapes)[:-1], self.channels)
        for layer, (_, from_node) in zip(self.operations, self.edges, strict=True):
            yield layer, input_shape if from_node < INPUT_NODES else node_shape

    def build(self, input_shape) -> None:
        """Builds every layer for the shapes of the two inputs."""
        for layer, shape in self.layer_shapes(input_shape):
            layer.build(shape)

    def call(
        self, inputs: Sequence[tf.Tensor], training: bool | None = None, drop_path: DropPath | None = None
    ) -> tf.Tensor:
        """Returns [batch, height, width, channels * concatenated nodes]; a reduction cell halves the sides."""
        first, second = inputs
        scales = None
        if training and drop_path is not None:
            scales = draw_path_scales(drop_path, len(self.edges), tf.shape(second)[0])
        nodes = [
            self.first_preprocessing(first, training=training),
            self.second_preprocessing(second, training=training),
        ]
        copies = [fan_out(node, self._readers(position)) for position, node in enumerate(nodes)]
        outputs = []
        for position, (operation, from_node) in enumerate(self.edges):
            output = self.operations[position](copies[from_node].pop(), training=training)
            if scales is not None and not self._is_identity(operation, from_node):
                output = scale_path(output, scales[position])
            outputs.append(output)
            if len(outputs) == INPUTS_PER_NODE:
                copies.append(fan_out(ordered_sum(outputs), self._readers(len(copies))))
                outputs = []
        return tf.concat([copies[node].pop() for node in self.concatenated_nodes], axis=-1)

    def _readers(self, node: int) -> int:
        """Returns how many operations read a node, plus one if it is concatenated."""
        return sum(from_node == node for _, from_node in self.edges) + (node in self.concatenated_nodes)

    def compute_output_shape(self, input_shape):
        """Returns the output's shape for the shapes of the two inputs."""
        batch, *sides, _ = input_shape[1]
        if self.is_reduction:
            sides = [None if side is None else -(-side // 2) for side in sides]
        return (batch, *sides, self.channels * len(self.concatenated_nodes))

    def get_config(self) -> dict:
        """Returns the constructor's arguments, with the genotype as plain data."""
        own = {
            "genotype": genotype_to_data(self.genotype),
            "channels": self.channels,
            "is_reduction": self.is_reduction,
            "follows_reduction": self.follows_reduction,
        }
        return {**super().get_config(), **own}
