"""The blocks that operations and cells are made of: ReLU, then convolution, then batch normalization.

Every block exists in two forms. In the super network (`affine=False`) normalization has no scale or offset and always
uses the batch's own statistics, so a block has no state besides its kernels; in a final network (`affine=True`) it is
Keras's BatchNormalization, and the kernels are the same.
"""

import keras
import tensorflow as tf

from eoinas_tf.kernels import convolutions
from eoinas_tf.kernels.batch_normalization import batch_normalization, batch_standardization
from eoinas_tf.kernels.quantizable_operations import is_quantizable
from eoinas_tf.kernels.subsampling import diagonal_pixels
from eoinas_tf.space.initializers import FanInUniform

NORMALIZATION_EPSILON = 1e-5
NORMALIZATION_MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="eoinas_tf")
class BatchStandardization(keras.layers.Layer):
    """Batch normalization without scale, offset or moving statistics: subtracts the mean, divides by the deviation.

    Args:
        epsilon: Added to the variance.

    Call arguments:
        inputs: [batch, height, width, channels], float.
    """

    def __init__(self, epsilon: float = NORMALIZATION_EPSILON, **kwargs) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the inputs with mean 0 and variance 1 per channel, over batch, height and width."""
        return batch_standardization(inputs, self.epsilon)

    def compute_output_shape(self, input_shape):
        """Returns the input's shape."""
        return input_shape

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalization over the last axis, trained by the kernel that suits device and batch."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the normalized inputs; in training, the moving statistics are updated with the batch's."""
        if not (training and self.trainable and mask is None):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = batch_normalization(
            inputs, tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta), self.epsilon
        )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return keras.ops.cast(outputs, self.compute_dtype)


def normalization_layer(affine: bool, name: str | None = None) -> keras.layers.Layer:
    """Returns the normalization layer of a final network (`affine`) or of the super network."""
    if affine:
        return BatchNormalization(momentum=NORMALIZATION_MOMENTUM, epsilon=NORMALIZATION_EPSILON, name=name)
    return BatchStandardization(name=name)


@keras.saving.register_keras_serializable(package="eoinas_tf")
class DepthwiseConvolution(keras.layers.Layer):
    """One kernel per channel, with symmetric padding at every stride and no bias.

    Args:
        kernel_size: Side of the kernel in pixels, odd.
        stride: 1 or 2.
        dilation: Spacing of the kernel's taps in pixels, 1 or 2.

    Call arguments:
        inputs: [batch, height, width, channels], float.
    """

    def __init__(self, kernel_size: int, stride: int = 1, dilation: int = 1, **kwargs) -> None:
        super().__init__(**kwargs)
        if kernel_size % 2 == 0 or stride not in (1, 2) or dilation not in (1, 2):
            raise ValueError(
                "kernel_size must be odd, stride and dilation 1 or 2. "
                f"Received: kernel_size={kernel_size}, stride={stride}, dilation={dilation}"
            )
        self.kernel_size = kernel_size
        self.stride = stride
        self.dilation = dilation

    def build(self, input_shape) -> None:
        """Creates the kernel [size, size, channels, 1]."""
        self.kernel_initializer = FanInUniform(self.kernel_size * self.kernel_size)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], 1),
            initializer=self.kernel_initializer,
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns [batch, ceil(height / stride), ceil(width / stride), channels]."""
        return convolutions.depthwise_convolution(inputs, tf.convert_to_tensor(self.kernel), self.stride, self.dilation)

    def compute_output_shape(self, input_shape):
        """Returns the output's shape for an input's shape."""
        return strided_shape(input_shape, self.stride, input_shape[-1])

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        own = {"kernel_size": self.kernel_size, "stride": self.stride, "dilation": self.dilation}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class PointwiseConvolution(keras.layers.Conv2D):
    """Keras's convolution with a 1x1 kernel and stride 1."""

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns [batch, height, width, filters]; called by Keras."""
        return convolutions.pointwise_convolution(inputs, tf.convert_to_tensor(kernel))


def pointwise_convolution(filters: int, fan_in: int, name: str | None = None) -> keras.layers.Conv2D:
    """Returns a 1x1 convolution without bias.

    Args:
        filters: Output channels.
        fan_in: Input channels, for the initial weights.
        name: Layer name.
    """
    return PointwiseConvolution(filters, 1, use_bias=False, kernel_initializer=FanInUniform(fan_in), name=name)


@keras.saving.register_keras_serializable(package="eoinas_tf")
class ReLUConvolution(keras.layers.Layer):
    """ReLU, 1x1 convolution, batch normalization: fits a cell's input to the cell's channels.

    Args:
        channels: Output channels.
        affine: Whether normalization has scale, offset and moving statistics.
        active_inputs: Whether the inputs have already been through the ReLU.

    Call arguments:
        inputs: [batch, height, width, any channels], float.
        training: Whether normalization uses the batch's statistics.
    """

    def __init__(self, channels: int, affine: bool = True, active_inputs: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.affine = affine
        self.active_inputs = active_inputs

    def build(self, input_shape) -> None:
        """Creates the layers for the input's channels."""
        self.convolution = pointwise_convolution(self.channels, input_shape[-1], name="convolution")
        self.convolution.build(input_shape)
        self.normalization = normalization_layer(self.affine, name="normalization")
        self.normalization.build((*input_shape[:-1], self.channels))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [batch, height, width, channels]."""
        active = inputs if self.active_inputs else tf.nn.relu(inputs)
        return apply_normalization(self.normalization, self.convolution(active), training)

    def compute_output_shape(self, input_shape):
        """Returns the output's shape for an input's shape."""
        return (*input_shape[:-1], self.channels)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        own = {"channels": self.channels, "affine": self.affine, "active_inputs": self.active_inputs}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class FactorizedReduction(keras.layers.Layer):
    """Halves height and width without losing every second pixel: identity at stride 2.

    Two 1x1 convolutions of stride 2, the second on the input shifted by one pixel, give half
    of the channels each; their outputs are concatenated and normalized. A ReLU comes first.

    Args:
        channels: Output channels.
        affine: Whether normalization has scale, offset and moving statistics.
        active_inputs: Whether the inputs have already been through the ReLU.

    Call arguments:
        inputs: [batch, height, width, any channels], float.
        training: Whether normalization uses the batch's statistics.
    """

    def __init__(self, channels: int, affine: bool = True, active_inputs: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        if channels < 2:
            raise ValueError(f"channels must be at least 2 to be halved. Received: {channels}")
        self.channels = channels
        self.affine = affine
        self.active_inputs = active_inputs

    def build(self, input_shape) -> None:
        """Creates the two convolutions for the input's channels."""
        first_channels = self.channels // 2
        self.first_convolution = pointwise_convolution(first_channels, input_shape[-1], name="first_convolution")
        self.second_convolution = pointwise_convolution(
            self.channels - first_channels, input_shape[-1], name="second_convolution"
        )
        self.first_convolution.build(input_shape)
        self.second_convolution.build(input_shape)
        self.normalization = normalization_layer(self.affine, name="normalization")
        self.normalization.build(self.compute_output_shape(input_shape))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [batch, ceil(height / 2), ceil(width / 2), channels]."""
        active = inputs if self.active_inputs else tf.nn.relu(inputs)
        even, odd = diagonal_pixels(active)
        halves = [self.first_convolution(even), self.second_convolution(odd)]
        if self.affine and is_quantizable() and not training:
            # Each half has its own normalization, which a converter can fold into the half's convolution.
            return tf.concat(self._normalized(halves), axis=-1)
        return apply_normalization(self.normalization, tf.concat(halves, axis=-1), training)

    def _normalized(self, halves: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns both halves of the channels, normalized with the moving statistics."""
        layer, sizes = self.normalization, [half.shape[-1] for half in halves]
        parameters = (layer.moving_mean, layer.moving_variance, layer.beta, layer.gamma)
        parts = zip(*(tf.split(tf.convert_to_tensor(parameter), sizes) for parameter in parameters), strict=True)
        return [tf.nn.batch_normalization(half, *part, layer.epsilon) for half, part in zip(halves, parts, strict=True)]

    def compute_output_shape(self, input_shape):
        """Returns the output's shape for an input's shape."""
        return strided_shape(input_shape, 2, self.channels)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        own = {"channels": self.channels, "affine": self.affine, "active_inputs": self.active_inputs}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class DepthwiseSeparableUnit(keras.layers.Layer):
    """ReLU, depthwise convolution, pointwise convolution, batch normalization.

    Args:
        channels: Input and output channels.
        kernel_size: Side of the depthwise kernel in pixels, odd.
        stride: 1 or 2.
        dilation: Spacing of the depthwise kernel's taps in pixels, 1 or 2.
        affine: Whether normalization has scale, offset and moving statistics.

    Call arguments:
        inputs: [batch, height, width, channels], float.
        training: Whether normalization uses the batch's statistics.
    """

    def __init__(
        self, channels: int, kernel_size: int, stride: int = 1, dilation: int = 1, affine: bool = True, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.dilation = dilation
        self.affine = affine
        self.depthwise = DepthwiseConvolution(kernel_size, stride, dilation, name="depthwise")
        self.pointwise = pointwise_convolution(channels, channels, name="pointwise")
        self.normalization = normalization_layer(affine, name="normalization")

    def build(self, input_shape) -> None:
        """Creates the kernels."""
        output_shape = self.compute_output_shape(input_shape)
        self.depthwise.build(input_shape)
        self.pointwise.build(output_shape)
        self.normalization.build(output_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [batch, ceil(height / stride), ceil(width / stride), channels]."""
        return apply_normalization(self.normalization, self.pointwise(self.depthwise(tf.nn.relu(inputs))), training)

    def compute_output_shape(self, input_shape):
        """Returns the output's shape for an input's shape."""
        return strided_shape(input_shape, self.stride, self.channels)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        own = {
            "channels": self.channels,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "dilation": self.dilation,
            "affine": self.affine,
        }
        return {**super().get_config(), **own}


def apply_normalization(layer: keras.layers.Layer, inputs: tf.Tensor, training: bool | None) -> tf.Tensor:
    """Calls a layer that `normalization_layer` returned.

    Args:
        layer: The normalization layer.
        inputs: [batch, height, width, channels], float.
        training: Whether a final network's normalization uses the batch's statistics.

    Returns:
        The normalized inputs.
    """
    if isinstance(layer, BatchStandardization):
        return layer(inputs)
    return layer(inputs, training=training)


def strided_shape(input_shape, stride: int, channels: int) -> tuple:
    """Returns [batch, ceil(height / stride), ceil(width / stride), channels] for an input's shape."""
    sides = (None if side is None else -(-side // stride) for side in input_shape[1:3])
    return (input_shape[0], *sides, channels)
