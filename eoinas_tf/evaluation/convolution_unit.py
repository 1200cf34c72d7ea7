"""The building block of hand-designed networks: convolution, batch normalization, activation."""

import keras
import tensorflow as tf

from eoinas_tf.kernels.subsampling import subsample
from eoinas_tf.space.convolution_blocks import DepthwiseConvolution, normalization_layer, strided_shape
from eoinas_tf.space.initializers import FanInUniform

ACTIVATIONS = {"linear": tf.identity, "relu": tf.nn.relu, "relu6": tf.nn.relu6}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class ConvolutionUnit(keras.layers.Layer):
    """Convolution with symmetric padding and without bias, normalization, activation.

    Initial weights are drawn within 1 / sqrt(fan_in), as everywhere in this package.

    Args:
        channels: Output channels; for a depthwise convolution, those of its input.
        kernel_size: Side of the kernel in pixels, odd.
        stride: 1 or 2.
        depthwise: Whether each channel has its own kernel.
        activation: A key of `ACTIVATIONS`.

    Call arguments:
        inputs: [batch, height, width, any channels], float.
        training: Whether normalization uses the batch's statistics.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        depthwise: bool = False,
        activation: str = "linear",
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}. Received: {activation}")
        self.channels = channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.depthwise = depthwise
        self.activation = activation
        self.normalization = normalization_layer(affine=True, name="normalization")

    def build(self, input_shape) -> None:
        """Creates the convolution for the input's channels."""
        batch, height, width, channels = input_shape
        size = self.kernel_size
        if self.depthwise:
            self.convolution = DepthwiseConvolution(size, self.stride, name="convolution")
            self.convolution.build(input_shape)
        else:
            self.convolution = keras.layers.Conv2D(
                self.channels,
                size,
                1 if self._subsamples else self.stride,
                "valid",
                use_bias=False,
                kernel_initializer=FanInUniform(size * size * channels),
                name="convolution",
            )
            self.convolution.build((batch, height + size - 1, width + size - 1, channels))
        self.normalization.build(self.compute_output_shape(input_shape))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [batch, ceil(height / stride), ceil(width / stride), channels]."""
        if self._subsamples:
            inputs = subsample(inputs)
        padding = self.kernel_size // 2
        if padding and not self.depthwise:  # The depthwise layer does its own padding.
            inputs = tf.pad(inputs, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
        return ACTIVATIONS[self.activation](self.normalization(self.convolution(inputs), training=training))

    @property
    def _subsamples(self) -> bool:
        """Whether a convolution without stride sees every second pixel, which gives the same outputs.

        OneDNN writes past its memory in the gradient of a 1x1 convolution with stride 2 and few channels
        (github.com/uxlfoundation/oneDNN, issue 6035).
        """
        return self.kernel_size == 1 and self.stride == 2 and not self.depthwise

    def compute_output_shape(self, input_shape):
        """Returns the output's shape for an input's shape."""
        return strided_shape(input_shape, self.stride, self.channels)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        own = {
            "channels": self.channels,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "depthwise": self.depthwise,
            "activation": self.activation,
        }
        return {**super().get_config(), **own}
