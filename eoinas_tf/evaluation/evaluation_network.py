"""The final network: a stem, a stack of cells of one genotype, a classifier (paper, section 4.3)."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from eoinas_tf.evaluation.auxiliary_head import AuxiliaryHead
from eoinas_tf.evaluation.classifier import classifier
from eoinas_tf.evaluation.drop_path import DropPath, drop_path_of_cell
from eoinas_tf.evaluation.evaluation_cell import EvaluationCell, genotype_from_data, genotype_to_data
from eoinas_tf.evaluation.network_stem import build_stem
from eoinas_tf.kernels.ordered_sums import fan_out
from eoinas_tf.space.cell_topology import reduction_cell_positions
from eoinas_tf.space.genotype import Genotype


@keras.saving.register_keras_serializable(package="eoinas_tf")
class EvaluationNetwork(keras.Model):
    """Classifies images; an auxiliary head after the second reduction cell is only used in training.

    Args:
        genotype: The genotype, or its plain data.
        num_classes: Number of classes.
        cells: Number of cells; the reduction cells are at a third and two thirds of the depth.
        init_channels: Channels C of the first cell; they double in each reduction cell.
        stem: `cifar` or `imagenet`.
        auxiliary: Whether there is an auxiliary head.

    Call arguments:
        images: [batch, height, width, channels], float; height, width and channels known.
        training: Whether normalization uses the batch's statistics, paths are dropped, and the
            auxiliary head is run.
        drop_path: Probability and seed of the training step, or None to drop no path.
    """

    def __init__(
        self,
        genotype: Genotype | Mapping[str, Any],
        num_classes: int,
        cells: int = 20,
        init_channels: int = 36,
        stem: str = "cifar",
        auxiliary: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.genotype = genotype_from_data(genotype)
        self.num_classes = num_classes
        self.init_channels = init_channels
        self.stem = stem
        self.stem_convolutions = build_stem(stem, init_channels)
        self.cells = self._build_cells(cells)
        self.auxiliary_position = 2 * cells // 3
        self.auxiliary_head = AuxiliaryHead(num_classes, stem, name="auxiliary_head") if auxiliary else None
        last = self.cells[-1]
        self.classifier = classifier(num_classes, last.channels * len(last.concatenated_nodes))

    def _build_cells(self, count: int) -> list[EvaluationCell]:
        reductions = reduction_cell_positions(count)
        channels, follows_reduction = self.init_channels, self.stem == "imagenet"
        cells = []
        for position in range(count):
            is_reduction = position in reductions
            channels *= 2 if is_reduction else 1
            cells.append(
                EvaluationCell(self.genotype, channels, is_reduction, follows_reduction, name=f"cell_{position}")
            )
            follows_reduction = is_reduction
        return cells

    def layer_shapes(self, input_shape) -> Iterator[tuple[keras.layers.Layer, Any]]:
        """Yields each part with the shape of its input, two shapes for a cell, in the order of the call.

        Args:
            input_shape: [batch, height, width, channels] of the images.
        """
        shapes = [tuple(input_shape)]
        for convolution in self.stem_convolutions:
            yield convolution, shapes[-1]
            shapes.append(convolution.compute_output_shape(shapes[-1]))
        first, second = shapes[-1] if self.stem == "cifar" else shapes[-2], shapes[-1]
        for position, cell in enumerate(self.cells):
            yield cell, [first, second]
            first, second = second, cell.compute_output_shape([first, second])
            if position == self.auxiliary_position and self.auxiliary_head is not None:
                yield self.auxiliary_head, second
        yield self.classifier, (second[0], second[-1])

    def build(self, input_shape) -> None:
        """Builds every part for the images' shape [batch, height, width, channels]."""
        for layer, shape in self.layer_shapes(input_shape):
            layer.build(shape)

    def call(
        self, images: tf.Tensor, training: bool | None = None, drop_path: DropPath | None = None
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        """Returns logits [batch, num_classes]; in training with an auxiliary head, a pair: these and the head's."""
        outputs = [images]
        for convolution in self.stem_convolutions:
            outputs.append(convolution(outputs[-1], training=training))
        if self.stem == "cifar":  # The stem's output is both inputs of the first cell and one of the second.
            first, second, next_first = fan_out(outputs[-1], 3)
        else:
            first, (second, next_first) = outputs[-2], fan_out(outputs[-1], 2)
        auxiliary_logits = None
        for position, cell in enumerate(self.cells):
            cell_drop_path = None if drop_path is None else drop_path_of_cell(drop_path, position)
            output = cell([first, second], training=training, drop_path=cell_drop_path)
            if position == self.auxiliary_position and self.auxiliary_head is not None and training:
                output, for_next_first, for_auxiliary = fan_out(output, 3)
                auxiliary_logits = self.auxiliary_head(for_auxiliary, training=training)
            else:
                for_next_first = output
            first, second, next_first = next_first, output, for_next_first
        logits = self.classifier(tf.reduce_mean(second, axis=[1, 2]))
        return logits if auxiliary_logits is None else (logits, auxiliary_logits)

    def compute_output_shape(self, input_shape):
        """Returns the logits' shape, as in a test."""
        return (input_shape[0], self.num_classes)

    def get_config(self) -> dict:
        """Returns the constructor's arguments; the genotype as plain data."""
        own = {
            "genotype": genotype_to_data(self.genotype),
            "num_classes": self.num_classes,
            "cells": len(self.cells),
            "init_channels": self.init_channels,
            "stem": self.stem,
            "auxiliary": self.auxiliary_head is not None,
        }
        return {**super().get_config(), **own}
