"""The operations of an edge as Keras layers, and the registry that builds them by name.

Eight are the candidates of a search; two more appear in published cells from other search spaces, and in final networks
only.

Every operation takes `channels`, `stride` (1 or 2) and `affine` (a final network's
normalization, or the super network's without scale and offset), and maps
[batch, height, width, channels] to [batch, ceil(height / stride), ceil(width / stride), channels].
"""

import functools
import re
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from eoinas_tf.kernels.pooling import average_pooling, maximum_pooling
from eoinas_tf.space.convolution_blocks import (
    BatchStandardization,
    DepthwiseSeparableUnit,
    FactorizedReduction,
    apply_normalization,
    normalization_layer,
    strided_shape,
)
from eoinas_tf.space.initializers import FanInUniform
from eoinas_tf.space.operation_names import (
    FINAL_NETWORK_OPERATION_NAMES,
    NONE,
    OPERATION_NAMES,
    SKIP_CONNECT,
    add_operation_name,
)

REGISTERED_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
POOLINGS = {"average": average_pooling, "maximum": maximum_pooling}


class Operation(keras.layers.Layer):
    """Base of the operations: keeps the three arguments that all of them share.

    Args:
        channels: Input and output channels.
        stride: 1 or 2.
        affine: Whether normalization has scale, offset and moving statistics.

    Call arguments:
        inputs: [batch, height, width, channels], float.
        training: Whether normalization uses the batch's statistics.
    """

    def __init__(self, channels: int, stride: int = 1, affine: bool = True, **kwargs) -> None:
        super().__init__(**kwargs)
        if stride not in (1, 2):
            raise ValueError(f"stride must be 1 or 2. Received: {stride}")
        self.channels = channels
        self.stride = stride
        self.affine = affine

    def compute_output_shape(self, input_shape):
        """Returns the output's shape for an input's shape."""
        return strided_shape(input_shape, self.stride, self.channels)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        own = {"channels": self.channels, "stride": self.stride, "affine": self.affine}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class Zero(Operation):
    """No connection: zeros, whatever the input."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns zeros [batch, ceil(height / stride), ceil(width / stride), channels]."""
        batch = tf.shape(inputs)[0]
        _, height, width, channels = self.compute_output_shape(inputs.shape)
        return tf.zeros([batch, height, width, channels], dtype=inputs.dtype)


@keras.saving.register_keras_serializable(package="eoinas_tf")
class Identity(Operation):
    """The input itself; at stride 2 a factorized reduction of it."""

    def build(self, input_shape) -> None:
        """Creates the factorized reduction where one is needed."""
        if self.stride == 2:
            self.reduction = FactorizedReduction(self.channels, self.affine, name="reduction")
            self.reduction.build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [batch, ceil(height / stride), ceil(width / stride), channels]."""
        if self.stride == 1:
            return tf.identity(inputs)
        return self.reduction(inputs, training=training)


@keras.saving.register_keras_serializable(package="eoinas_tf")
class SeparableConvolution(Operation):
    """ReLU, depthwise and pointwise convolution and normalization, twice; the first with the stride.

    Args:
        kernel_size: Side of the depthwise kernels in pixels.
    """

    def __init__(self, channels: int, stride: int = 1, affine: bool = True, *, kernel_size: int, **kwargs) -> None:
        super().__init__(channels, stride, affine, **kwargs)
        self.kernel_size = kernel_size
        self.first_unit = DepthwiseSeparableUnit(channels, kernel_size, stride, affine=affine, name="first_unit")
        self.second_unit = DepthwiseSeparableUnit(channels, kernel_size, affine=affine, name="second_unit")

    def build(self, input_shape) -> None:
        """Creates the kernels."""
        self.first_unit.build(input_shape)
        self.second_unit.build(self.compute_output_shape(input_shape))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [batch, ceil(height / stride), ceil(width / stride), channels]."""
        return self.second_unit(self.first_unit(inputs, training=training), training=training)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class DilatedConvolution(Operation):
    """ReLU, depthwise convolution with dilation 2, pointwise convolution and normalization, once.

    Args:
        kernel_size: Taps per side of the depthwise kernel.
    """

    def __init__(self, channels: int, stride: int = 1, affine: bool = True, *, kernel_size: int, **kwargs) -> None:
        super().__init__(channels, stride, affine, **kwargs)
        self.kernel_size = kernel_size
        self.unit = DepthwiseSeparableUnit(channels, kernel_size, stride, dilation=2, affine=affine, name="unit")

    def build(self, input_shape) -> None:
        """Creates the kernels."""
        self.unit.build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [batch, ceil(height / stride), ceil(width / stride), channels]."""
        return self.unit(inputs, training=training)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class RowColumnConvolution(Operation):
    """ReLU, a convolution along rows, one along columns, normalization; each takes the stride along its own side only.

    Args:
        kernel_size: Taps of each of the two kernels, odd.
    """

    def __init__(self, channels: int, stride: int = 1, affine: bool = True, *, kernel_size: int, **kwargs) -> None:
        super().__init__(channels, stride, affine, **kwargs)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd. Received: {kernel_size}")
        self.kernel_size = kernel_size
        self.row_convolution = self._convolution((1, kernel_size), (1, stride), "row_convolution")
        self.column_convolution = self._convolution((kernel_size, 1), (stride, 1), "column_convolution")
        self.normalization = normalization_layer(affine, name="normalization")

    def _convolution(self, size: tuple[int, int], strides: tuple[int, int], name: str) -> keras.layers.Conv2D:
        return keras.layers.Conv2D(
            self.channels,
            size,
            strides,
            "valid",
            use_bias=False,
            kernel_initializer=FanInUniform(self.kernel_size * self.channels),
            name=name,
        )

    def layer_shapes(self, input_shape) -> Iterator[tuple[keras.layers.Layer, tuple]]:
        """Yields both convolutions with the shapes of their padded inputs; their outputs differ in size at stride 2.

        Args:
            input_shape: [batch, height, width, channels].
        """
        batch, height, width, channels = input_shape
        padding = self.kernel_size - 1
        row_shape = (batch, height, None if width is None else width + padding, channels)
        yield self.row_convolution, row_shape
        batch, height, width, channels = self.row_convolution.compute_output_shape(row_shape)
        yield self.column_convolution, (batch, None if height is None else height + padding, width, channels)

    def build(self, input_shape) -> None:
        """Creates the kernels."""
        for layer, shape in self.layer_shapes(input_shape):
            layer.build(shape)
        self.normalization.build(self.compute_output_shape(input_shape))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [batch, ceil(height / stride), ceil(width / stride), channels]."""
        padding = [self.kernel_size // 2] * 2
        outputs = self.row_convolution(tf.pad(tf.nn.relu(inputs), [[0, 0], [0, 0], padding, [0, 0]]))
        outputs = self.column_convolution(tf.pad(outputs, [[0, 0], padding, [0, 0], [0, 0]]))
        return apply_normalization(self.normalization, outputs, training)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class Pooling(Operation):
    """3x3 average or maximum; in the super network (`affine=False`) followed by normalization.

    Args:
        kind: `average` or `maximum`.
    """

    def __init__(self, channels: int, stride: int = 1, affine: bool = True, *, kind: str, **kwargs) -> None:
        super().__init__(channels, stride, affine, **kwargs)
        if kind not in POOLINGS:
            raise ValueError(f"kind must be one of {', '.join(POOLINGS)}. Received: {kind}")
        self.kind = kind
        self.standardization = None if affine else BatchStandardization(name="standardization")

    def build(self, input_shape) -> None:
        """Creates nothing: pooling has no weights."""
        if self.standardization is not None:
            self.standardization.build(self.compute_output_shape(input_shape))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [batch, ceil(height / stride), ceil(width / stride), channels]."""
        outputs = POOLINGS[self.kind](inputs, size=3, stride=self.stride)
        return outputs if self.standardization is None else self.standardization(outputs)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "kind": self.kind}


OPERATIONS: dict[str, Callable[..., keras.layers.Layer]] = {
    NONE: Zero,
    SKIP_CONNECT: Identity,
    "sep_conv_3x3": functools.partial(SeparableConvolution, kernel_size=3),
    "dil_conv_3x3": functools.partial(DilatedConvolution, kernel_size=3),
    "sep_conv_5x5": functools.partial(SeparableConvolution, kernel_size=5),
    "dil_conv_5x5": functools.partial(DilatedConvolution, kernel_size=5),
    "avg_pool_3x3": functools.partial(Pooling, kind="average"),
    "max_pool_3x3": functools.partial(Pooling, kind="maximum"),
    "sep_conv_7x7": functools.partial(SeparableConvolution, kernel_size=7),
    "conv_7x1_1x7": functools.partial(RowColumnConvolution, kernel_size=7),
}
assert tuple(OPERATIONS) == OPERATION_NAMES + FINAL_NETWORK_OPERATION_NAMES


def build_operation(name: str, /, channels: int, stride: int, affine: bool, **kwargs) -> keras.layers.Layer:
    """Returns a new layer of the named operation.

    Args:
        name: A key of `OPERATIONS`; positional, so that `name=` stays the layer's name.
        channels: Input and output channels.
        stride: 1 or 2.
        affine: Whether normalization has scale, offset and moving statistics.
        **kwargs: Further arguments of a Keras layer, such as `name`.

    Returns:
        The layer, not built yet.

    Raises:
        ValueError: No operation has that name.
    """
    if name not in OPERATIONS:
        raise ValueError(f"operation must be one of {', '.join(OPERATIONS)}. Received: {name}")
    return OPERATIONS[name](channels=channels, stride=stride, affine=affine, **kwargs)


def register_operation(name: str, build: Callable[..., keras.layers.Layer]) -> None:
    """Makes a user's own operation known, for the candidates of a search (`--operations`) and for genotypes.

    Args:
        name: Its name in genotypes: lower-case letters, digits and underscores.
        build: Takes `channels`, `stride` (1 or 2), `affine` and a Keras layer's own arguments, such as `name`, and
            returns a layer that maps [batch, height, width, channels] to [batch, ceil(height / stride), ceil(width /
            stride), channels]; usually a subclass of `Operation`. With `affine=False`, in the super network, it holds
            no untrained variables. The layer, or the one inside it that creates a variable `x`, keeps its initializer
            as the attribute `x_initializer`, as Keras's layers do.

    Raises:
        ValueError: The name is taken or not a valid name.
    """
    if not REGISTERED_NAME.fullmatch(name):
        raise ValueError(f"an operation's name has lower-case letters, digits and underscores. Received: {name!r}")
    if name in OPERATIONS:
        raise ValueError(f"an operation named {name} is known already; choose another name")
    OPERATIONS[name] = build
    add_operation_name(name)
