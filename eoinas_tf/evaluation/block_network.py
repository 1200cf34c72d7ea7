"""A hand-designed network as a stack of blocks, with the interface of the cells' network (paper, Tables 1 and 2)."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from eoinas_tf.evaluation.classifier import classifier
from eoinas_tf.evaluation.convolution_unit import ConvolutionUnit
from eoinas_tf.evaluation.drop_path import DropPath, draw_path_scales, drop_path_of_cell, scale_path
from eoinas_tf.kernels.ordered_sums import fan_out, ordered_sum


@keras.saving.register_keras_serializable(package="eoinas_tf")
class ShortcutBlock(keras.layers.Layer):
    """A sequence of units, and a shortcut around them that is added to their output.

    Args:
        units: Arguments of each `ConvolutionUnit`, in order.
        shortcut: `none`; `identity`; or `projection`, a 1x1 convolution with normalization and the units' stride,
            needed if the units change the shape.
        final_relu: Whether a ReLU follows the addition.

    Call arguments:
        inputs: [batch, height, width, channels], float.
        training: Whether normalization uses the batch's statistics and the units are dropped.
        drop_path: Probability and seed, or None. Images whose path is dropped only take the shortcut; without a
            shortcut nothing is dropped.
    """

    def __init__(
        self, units: Sequence[dict[str, Any]], shortcut: str = "none", final_relu: bool = False, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        if shortcut not in ("none", "identity", "projection"):
            raise ValueError(f"shortcut must be none, identity or projection. Received: {shortcut}")
        self.unit_arguments = [dict(arguments) for arguments in units]
        self.shortcut = shortcut
        self.final_relu = final_relu
        self.units = [ConvolutionUnit(**arguments, name=f"unit_{position}") for position, arguments in enumerate(units)]
        stride = max(unit.stride for unit in self.units)
        self.projection = None
        if shortcut == "projection":
            self.projection = ConvolutionUnit(self.units[-1].channels, 1, stride, name="projection")

    def layer_shapes(self, input_shape) -> Iterator[tuple[keras.layers.Layer, tuple]]:
        """Yields each unit with the shape of its input."""
        shape = tuple(input_shape)
        for unit in self.units:
            yield unit, shape
            shape = unit.compute_output_shape(shape)
        if self.projection is not None:
            yield self.projection, tuple(input_shape)

    def build(self, input_shape) -> None:
        """Builds every unit."""
        for unit, shape in self.layer_shapes(input_shape):
            unit.build(shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None, drop_path: DropPath | None = None) -> tf.Tensor:
        """Returns [batch, ceil(height / stride), ceil(width / stride), the last unit's channels]."""
        outputs, past = fan_out(inputs, 2)
        for unit in self.units:
            outputs = unit(outputs, training=training)
        if self.shortcut != "none":
            if training and drop_path is not None:
                outputs = scale_path(outputs, draw_path_scales(drop_path, 1, tf.shape(inputs)[0])[0])
            if self.projection is not None:
                past = self.projection(past, training=training)
            outputs = ordered_sum([outputs, past])
        return tf.nn.relu(outputs) if self.final_relu else outputs

    def compute_output_shape(self, input_shape):
        """Returns the output's shape for an input's shape."""
        shape = input_shape
        for unit in self.units:
            shape = unit.compute_output_shape(shape)
        return shape

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        own = {"units": self.unit_arguments, "shortcut": self.shortcut, "final_relu": self.final_relu}
        return {**super().get_config(), **own}


class BlockNetwork(keras.Model):
    """Classifies images: a sequence of blocks, mean over the pixels, dense layer; no auxiliary head.

    A subclass defines the blocks.

    Args:
        num_classes: Number of classes.
        init_channels: Channels of the first convolution, from which all others follow.
        stem: `cifar` (keeps the images' size) or `imagenet`.

    Call arguments:
        images: [batch, height, width, channels], float; height, width and channels known.
        training: Whether normalization uses the batch's statistics and paths are dropped.
        drop_path: Probability and seed of the training step, or None to drop no path.
    """

    # As in a network of cells without one.
    auxiliary_head = None

    def __init__(self, num_classes: int, init_channels: int, stem: str = "cifar", **kwargs) -> None:
        super().__init__(**kwargs)
        if stem not in ("cifar", "imagenet"):
            raise ValueError(f"stem must be cifar or imagenet. Received: {stem}")
        self.num_classes = num_classes
        self.init_channels = init_channels
        self.stem = stem
        self.blocks = self.build_blocks()
        self.classifier = classifier(num_classes, self.blocks[-1].units[-1].channels)

    def build_blocks(self) -> list[ShortcutBlock]:
        """Returns the blocks in order, including the stem's convolutions."""
        raise NotImplementedError

    def layer_shapes(self, input_shape) -> Iterator[tuple[keras.layers.Layer, Any]]:
        """Yields each part with the shape of its input, in the order of the call.

        Args:
            input_shape: [batch, height, width, channels] of the images.
        """
        shape = tuple(input_shape)
        for block in self.blocks:
            yield block, shape
            shape = block.compute_output_shape(shape)
        yield self.classifier, (shape[0], shape[-1])

    def build(self, input_shape) -> None:
        """Builds every part for the images' shape [batch, height, width, channels]."""
        for layer, shape in self.layer_shapes(input_shape):
            layer.build(shape)

    def call(self, images: tf.Tensor, training: bool | None = None, drop_path: DropPath | None = None) -> tf.Tensor:
        """Returns logits [batch, num_classes]."""
        outputs = images
        for position, block in enumerate(self.blocks):
            own = None if drop_path is None else drop_path_of_cell(drop_path, position)
            outputs = block(outputs, training=training, drop_path=own)
        return self.classifier(tf.reduce_mean(outputs, axis=[1, 2]))

    def compute_output_shape(self, input_shape):
        """Returns the logits' shape."""
        return (input_shape[0], self.num_classes)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        own = {"num_classes": self.num_classes, "init_channels": self.init_channels, "stem": self.stem}
        return {**super().get_config(), **own}
