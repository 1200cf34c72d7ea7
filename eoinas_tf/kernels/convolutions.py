"""Depthwise and pointwise convolutions of images [batch, height, width, channels], padded symmetrically with zeros.

TensorFlow's SAME padding is not symmetric at stride 2: it prefers right and bottom. The reference implementations of
DARTS and GDAS pad symmetrically, and so do these functions, so that weights can be exchanged.
"""

import keras
import tensorflow as tf

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.kernels.compiled_functions import compiled, differentiable
from eoinas_tf.kernels.subsampling import compiled_even_pixels, interleave, subsample


def depthwise_convolution(images: tf.Tensor, kernel: tf.Tensor, stride: int, dilation: int) -> tf.Tensor:
    """Convolves each channel with its own kernel, padded by dilation * (size - 1) / 2 zeros on each side.

    Args:
        images: [batch, height, width, channels].
        kernel: [size, size, channels, 1]; size is odd.
        stride: 1 or 2.
        dilation: Spacing of the kernel's taps in pixels: 1 or 2.

    Returns:
        [batch, ceil(height / stride), ceil(width / stride), channels].
    """
    if kernel_policy.use_cpu_kernels(images):
        return _cpu_depthwise_convolution(images, kernel, stride, dilation)
    return plain_depthwise_convolution(images, kernel, stride, dilation)


def pointwise_convolution(images: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Mixes the channels of each pixel; on a CPU as a matrix product.

    Args:
        images: [batch, height, width, channels].
        kernel: [1, 1, channels, filters].

    Returns:
        [batch, height, width, filters].
    """
    if not kernel_policy.use_cpu_kernels(images):
        return keras.ops.conv(images, kernel, data_format="channels_last")
    channels, filters = kernel.shape[2:]
    outputs = tf.matmul(tf.reshape(images, [-1, channels]), tf.reshape(kernel, [channels, filters]))
    return tf.reshape(outputs, [*images.shape[:-1], filters])


def plain_depthwise_convolution(images: tf.Tensor, kernel: tf.Tensor, stride: int, dilation: int) -> tf.Tensor:
    """Computes `depthwise_convolution` with TensorFlow's own operation, on any device and for any batch."""
    if stride == dilation == 2:
        # Taps that are two pixels apart, at every second pixel, only ever read even rows and columns.
        images, stride, dilation = subsample(images), 1, 1
    if stride == 1:
        return tf.nn.depthwise_conv2d(images, kernel, [1, 1, 1, 1], "SAME", dilations=[dilation, dilation])
    padding = kernel.shape[0] // 2
    return tf.nn.depthwise_conv2d(
        images, kernel, [1, 2, 2, 1], [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    )


def _cpu_depthwise_convolution(images: tf.Tensor, kernel: tf.Tensor, stride: int, dilation: int) -> tf.Tensor:
    if stride == dilation == 2:
        # As in the plain convolution, whose slices would take longer than all the rest.
        images, stride, dilation = compiled_even_pixels(images), 1, 1
    size = kernel.shape[0]
    height, width = images.shape[1:3]

    def convolve(inputs: tf.Tensor, taps: tf.Tensor) -> tf.Tensor:
        if kernel_policy.compile_convolution(inputs, stride, dilation):
            return _shifted_sum(inputs, taps, dilation)
        return plain_depthwise_convolution(inputs, taps, stride, dilation)

    def input_gradient(gradient: tf.Tensor, taps: tf.Tensor) -> tf.Tensor:
        if stride == 2:
            return _strided_input_gradient(gradient, taps, height, width)
        # It is a convolution with the kernel rotated by 180 degrees.
        return convolve(gradient, taps[::-1, ::-1])

    def forward(inputs: tf.Tensor, taps: tf.Tensor):
        return convolve(inputs, taps), (inputs, taps)

    def backward(residuals: list[tf.Tensor], gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, taps = residuals
        # If the kernel's gradient is not needed, TensorFlow removes it from the graph.
        return input_gradient(gradient, taps), _kernel_gradient(inputs, gradient, size, stride, dilation)

    return differentiable(forward, backward)(images, kernel)


@compiled
def _shifted_sum(images: tf.Tensor, kernel: tf.Tensor, dilation: int) -> tf.Tensor:
    """Returns the depthwise convolution: the sum over all taps of the images shifted to the tap times its weights."""
    size = kernel.shape[0]
    _, height, width, _ = images.shape
    padding = size // 2 * dilation
    padded = tf.pad(images, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
    total = tf.zeros_like(images)
    for row in range(size):
        for column in range(size):
            top, left = row * dilation, column * dilation
            total += padded[:, top : top + height, left : left + width] * kernel[row, column, :, 0]
    return total


@compiled
def _strided_input_gradient(gradient: tf.Tensor, kernel: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Returns the gradient for the images [batch, height, width, channels] of a convolution with stride 2.

    Even and odd rows and columns are reached by different taps: four sums, each over a quarter of the taps.
    """
    size = kernel.shape[0]
    padding = size // 2
    margin = (padding + 1) // 2
    _, rows, columns, _ = gradient.shape
    padded = tf.pad(gradient, [[0, 0], [margin, margin], [margin, margin], [0, 0]])

    def pixels(first_row: int, first_column: int) -> tf.Tensor:
        total = tf.zeros_like(gradient)
        for row in range((first_row + padding) % 2, size, 2):
            top = margin + (first_row + padding - row) // 2
            for column in range((first_column + padding) % 2, size, 2):
                left = margin + (first_column + padding - column) // 2
                total += padded[:, top : top + rows, left : left + columns] * kernel[row, column, :, 0]
        return total

    whole = interleave([[pixels(row, column) for column in (0, 1)] for row in (0, 1)])
    return whole[:, :height, :width]


def _kernel_gradient(images: tf.Tensor, gradient: tf.Tensor, size: int, stride: int, dilation: int) -> tf.Tensor:
    """Returns the gradient for a kernel [size, size, channels, 1], a few columns at a time if it has many."""
    channels = images.shape[-1]
    if not kernel_policy.split_kernel_columns(size, stride):
        kernel = tf.zeros([size, size, channels, 1])  # The gradient for a kernel does not depend on its values.
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            outputs = plain_depthwise_convolution(images, kernel, stride, dilation)
        return tape.gradient(outputs, kernel, gradient)
    pieces, (outputs,) = _kernel_columns(images, size, dilation), _kernel_columns(gradient, 1, dilation)
    columns = [
        tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=piece,
            filter_sizes=[size, piece.shape[2] - outputs.shape[2] + 1, channels, 1],
            out_backprop=outputs,
            strides=[1, 1, 1, 1],
            padding="VALID",
        )
        for piece in pieces
    ]
    return tf.concat(columns, axis=1)


@compiled
def _kernel_columns(images: tf.Tensor, size: int, dilation: int) -> list[tf.Tensor]:
    """Pads images for a kernel of size x size taps and cuts out what each group of its columns reads.

    For a dilated kernel, every `dilation`-th row and column form an image of their own, which its taps read without
    gaps.
    """
    batch, height, width, channels = images.shape
    rows, columns = -(-height // dilation), -(-width // dilation)
    padded = tf.pad(images, [[0, 0], [0, rows * dilation - height], [0, columns * dilation - width], [0, 0]])
    apart = tf.reshape(padded, [batch, rows, dilation, columns, dilation, channels])
    gapless = tf.reshape(tf.transpose(apart, [2, 4, 0, 1, 3, 5]), [dilation**2 * batch, rows, columns, channels])
    margin = size // 2
    padded = tf.pad(gapless, [[0, 0], [margin, margin], [margin, margin], [0, 0]])
    pieces = []
    for first in range(0, size, kernel_policy.MAX_KERNEL_COLUMNS):
        taps = min(kernel_policy.MAX_KERNEL_COLUMNS, size - first)
        pieces.append(padded[:, :, first : first + columns + taps - 1])
    return pieces
