"""The layers before the cells: one convolution for small images, three with stride 2 for large ones (section 4.3)."""

import keras
import tensorflow as tf

from eoinas_tf.space.convolution_blocks import normalization_layer, strided_shape
from eoinas_tf.space.initializers import FanInUniform

KERNEL_SIZE = 3
STEMS = ("cifar", "imagenet")
CIFAR_STEM_MULTIPLIER = 3


@keras.saving.register_keras_serializable(package="eoinas_tf")
class StemConvolution(keras.layers.Layer):
    """3x3 convolution with symmetric padding and normalization, optionally after a ReLU.

    Args:
        channels: Output channels.
        stride: 1 or 2.
        relu: Whether the input passes through a ReLU.

    Call arguments:
        inputs: [batch, height, width, any channels], float.
        training: Whether normalization uses the batch's statistics.
    """

    def __init__(self, channels: int, stride: int = 1, relu: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        if stride not in (1, 2):
            raise ValueError(f"stride must be 1 or 2. Received: {stride}")
        self.channels = channels
        self.stride = stride
        self.relu = relu
        self.normalization = normalization_layer(affine=True, name="normalization")

    def build(self, input_shape) -> None:
        """Creates the convolution for the input's channels."""
        batch, height, width, channels = input_shape
        self.convolution = keras.layers.Conv2D(
            self.channels,
            KERNEL_SIZE,
            self.stride,
            "valid",
            use_bias=False,
            kernel_initializer=FanInUniform(KERNEL_SIZE * KERNEL_SIZE * channels),
            name="convolution",
        )
        self.convolution.build((batch, height + 2, width + 2, channels))
        self.normalization.build(self.compute_output_shape(input_shape))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [batch, ceil(height / stride), ceil(width / stride), channels]."""
        active = tf.nn.relu(inputs) if self.relu else inputs
        # By hand, because at stride 2 and even sides TensorFlow's SAME pads only right and bottom.
        padded = tf.pad(active, [[0, 0], [1, 1], [1, 1], [0, 0]])
        return self.normalization(self.convolution(padded), training=training)

    def compute_output_shape(self, input_shape):
        """Returns the output's shape for an input's shape."""
        return strided_shape(input_shape, self.stride, self.channels)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "channels": self.channels, "stride": self.stride, "relu": self.relu}


def build_stem(stem: str, init_channels: int) -> list[StemConvolution]:
    """Returns the convolutions of a stem in order; the last two outputs are the first cell's inputs.

    Args:
        stem: `cifar`: one convolution to 3C channels, whose output is both inputs. `imagenet`: three with stride 2, to
            C / 2, C and C channels; the first cell's first input is the output of the second one, twice as large as its
            second input.
        init_channels: C; at least 2 with `imagenet`.

    Raises:
        ValueError: No stem has that name, or C is too small for it.
    """
    if stem not in STEMS:
        raise ValueError(f"stem must be one of {', '.join(STEMS)}. Received: {stem}")
    if stem == "cifar":
        return [StemConvolution(CIFAR_STEM_MULTIPLIER * init_channels, name="stem_0")]
    if init_channels < 2:
        raise ValueError(f"init_channels must be at least 2 for the imagenet stem. Received: {init_channels}")
    return [
        StemConvolution(init_channels // 2, stride=2, name="stem_0"),
        StemConvolution(init_channels, stride=2, relu=True, name="stem_1"),
        StemConvolution(init_channels, stride=2, relu=True, name="stem_2"),
    ]
