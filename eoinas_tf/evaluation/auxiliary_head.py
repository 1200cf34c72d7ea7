"""The auxiliary classifier that a final network is trained with and tested without (paper, section 4.3)."""

import math

import keras
import tensorflow as tf

from eoinas_tf.evaluation.classifier import classifier
from eoinas_tf.space.convolution_blocks import normalization_layer
from eoinas_tf.space.initializers import FanInUniform

HIDDEN_CHANNELS = 128
OUTPUT_CHANNELS = 768
POOLING_SIZE = 5
POOLING_STRIDES = {"cifar": 3, "imagenet": 2}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class AuxiliaryHead(keras.layers.Layer):
    """Classifies from the middle of the network: a pooled map, a 1x1 and a 2x2 convolution, a dense layer.

    In order: ReLU, average pooling, 1x1 convolution to 128 channels, normalization, ReLU, 2x2 convolution to 768
    channels, normalization, ReLU, dense. For a map of 8x8 pixels (stem `cifar`, pooling 5x5 with stride 3) and of 7x7
    pixels (stem `imagenet`, stride 2, no normalization after the second convolution) it is exactly DARTS's head. On
    maps of other sizes each side is treated separately: a side under 5 pixels is not pooled, a side reduced to one
    pixel gets a kernel of one pixel instead of two, and anything larger than one pixel at the end is averaged.

    Args:
        num_classes: Number of classes.
        stem: `cifar` or `imagenet`.

    Call arguments:
        inputs: [batch, height, width, channels], float, height and width known.
        training: Whether normalization uses the batch's statistics.
    """

    def __init__(self, num_classes: int, stem: str = "cifar", **kwargs) -> None:
        super().__init__(**kwargs)
        if stem not in POOLING_STRIDES:
            raise ValueError(f"stem must be one of {', '.join(POOLING_STRIDES)}. Received: {stem}")
        self.num_classes = num_classes
        self.stem = stem
        self.first_normalization = normalization_layer(affine=True, name="first_normalization")
        # DARTS trained its ImageNet networks without this one.
        self.second_normalization = (
            normalization_layer(affine=True, name="second_normalization") if stem == "cifar" else None
        )
        self.classifier = classifier(num_classes, OUTPUT_CHANNELS, name="classifier")

    def _pooling(self, input_shape) -> tuple[list[int], list[int]]:
        """Returns window and stride for height and width."""
        pooled = [side >= POOLING_SIZE for side in input_shape[1:3]]
        return [POOLING_SIZE if side else 1 for side in pooled], [
            POOLING_STRIDES[self.stem] if side else 1 for side in pooled
        ]

    def build(self, input_shape) -> None:
        """Creates the layers for the map's size."""
        batch, height, width, channels = input_shape
        windows, strides = self._pooling(input_shape)
        sides = [
            (side - window) // stride + 1
            for side, window, stride in zip((height, width), windows, strides, strict=True)
        ]
        kernel_size = tuple(min(2, side) for side in sides)
        self.first_convolution = keras.layers.Conv2D(
            HIDDEN_CHANNELS, 1, use_bias=False, kernel_initializer=FanInUniform(channels), name="first_convolution"
        )
        self.second_convolution = keras.layers.Conv2D(
            OUTPUT_CHANNELS,
            kernel_size,
            use_bias=False,
            kernel_initializer=FanInUniform(HIDDEN_CHANNELS * math.prod(kernel_size)),
            name="second_convolution",
        )
        hidden_shape = (batch, *sides, HIDDEN_CHANNELS)
        self.first_convolution.build((batch, *sides, channels))
        self.first_normalization.build(hidden_shape)
        self.second_convolution.build(hidden_shape)
        if self.second_normalization is not None:
            self.second_normalization.build(self.second_convolution.compute_output_shape(hidden_shape))
        self.classifier.build((batch, OUTPUT_CHANNELS))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns logits [batch, num_classes]."""
        windows, strides = self._pooling(inputs.shape)
        outputs = tf.nn.relu(inputs)
        if max(windows) > 1:
            outputs = tf.nn.avg_pool2d(outputs, windows, strides, "VALID")
        outputs = self.first_normalization(self.first_convolution(outputs), training=training)
        outputs = self.second_convolution(tf.nn.relu(outputs))
        if self.second_normalization is not None:
            outputs = self.second_normalization(outputs, training=training)
        return self.classifier(tf.reduce_mean(tf.nn.relu(outputs), axis=[1, 2]))

    def compute_output_shape(self, input_shape):
        """Returns the logits' shape."""
        return (input_shape[0], self.num_classes)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "num_classes": self.num_classes, "stem": self.stem}
