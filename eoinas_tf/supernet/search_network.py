"""The super network: stem, cells and classifier (section 4.2)."""

import keras
import tensorflow as tf

from eoinas_tf.kernels.ordered_sums import fan_out
from eoinas_tf.space.cell_topology import INTERMEDIATE_NODES, cell_type_index, reduction_cell_positions
from eoinas_tf.space.convolution_blocks import normalization_layer
from eoinas_tf.space.initializers import FanInUniform
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.supernet.candidate_operations import CandidateOperations
from eoinas_tf.supernet.choice import Choice, edge_choices
from eoinas_tf.supernet.search_cell import SearchCell

STEM_MULTIPLIER = 3


class SearchNetwork(keras.Model):
    """A network of cells in which every edge runs its part of a choice.

    All cells of a type (normal, reduction) share their type's part of the choice. The search method makes the choice;
    the network only holds the weights w.

    Args:
        image_shape: (height, width, channels) of an image.
        num_classes: Number of classes.
        init_channels: C, the channels of the first cell.
        cells: Cells in the network; those at a third and two thirds of the depth are reduction cells.
        operation_names: Candidate operations of every edge.

    Call arguments:
        images: float32 [batch, height, width, channels], normalized.
        choice: What the edges run.
        train_weights: Whether a gradient with respect to the edges' weights may be requested.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        init_channels: int,
        cells: int,
        operation_names: tuple[str, ...] = OPERATION_NAMES,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.operation_names = tuple(operation_names)
        shared_candidates: dict[tuple[int, int], CandidateOperations] = {}

        def candidates_for(channels: int, stride: int) -> CandidateOperations:
            key = (channels, stride)
            if key not in shared_candidates:
                shared_candidates[key] = CandidateOperations(channels, stride, self.operation_names)
            return shared_candidates[key]

        stem_channels = STEM_MULTIPLIER * init_channels
        self.stem = keras.layers.Conv2D(
            stem_channels,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer=FanInUniform(3 * 3 * image_shape[-1]),
            name="stem",
        )
        self.stem.build((None, *image_shape))
        self.stem_normalization = normalization_layer(affine=False, name="stem_normalization")

        reductions = reduction_cell_positions(cells)
        channels, before_previous_channels, previous_channels = init_channels, stem_channels, stem_channels
        self.cells = []
        for position in range(cells):
            is_reduction = position in reductions
            channels *= 2 if is_reduction else 1
            cell = SearchCell(
                channels, is_reduction, position - 1 in reductions, candidates_for, name=f"cell_{position}"
            )
            cell.build((None, None, None, before_previous_channels), (None, None, None, previous_channels))
            self.cells.append(cell)
            before_previous_channels, previous_channels = previous_channels, INTERMEDIATE_NODES * channels
        self.cell_types = tuple(cell_type_index(position in reductions) for position in range(cells))

        uniform = FanInUniform(previous_channels)
        self.classifier = keras.layers.Dense(
            num_classes,
            kernel_initializer=uniform,
            bias_initializer=FanInUniform(previous_channels),
            dtype="float32",
            name="classifier",
        )
        self.classifier.build((None, previous_channels))

        self.built = True
        # Outside Keras's tracking, which knows only layers and variables.
        self._candidate_functions = tuple(shared_candidates.values())

    def trace_count(self) -> int:
        """Returns how often the edges' functions were traced so far; constant once both steps have run."""
        return sum(candidates.trace_count() for candidates in self._candidate_functions)

    def call(self, images: tf.Tensor, choice: Choice, train_weights: bool = True) -> tf.Tensor:
        """Returns the classes' logits, float32 [batch, classes]."""
        choices = edge_choices(choice, self.cell_types)
        stem = tf.nn.relu(self.stem_normalization(self.stem(images)))
        before_previous, previous, before_next = fan_out(stem, 3)
        for cell, cell_choices in zip(self.cells, choices, strict=True):
            nodes = cell(before_previous, previous, cell_choices, train_weights=train_weights)
            # ReLU runs once for both cells that read the nodes, and on each node, so that it need not wait for the last
            # one.
            active = tf.concat([tf.nn.relu(node) for node in nodes], axis=-1)
            before_previous, previous, before_next = before_next, active, active
        return self.classifier(tf.reduce_mean(tf.concat(nodes, axis=-1), axis=[1, 2]))
