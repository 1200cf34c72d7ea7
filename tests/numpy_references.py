"""Definitions of the search space's functions, written as plainly as possible: loops over output pixels.

Images are [batch, height, width, channels]. Images are never padded: a pixel outside the image is looked up as such.
"""

import math

import numpy as np


def pixel(images, row, column):
    """Returns [batch, channels] of one pixel, or None if it is outside the image."""
    inside = 0 <= row < images.shape[1] and 0 <= column < images.shape[2]
    return images[:, row, column, :].astype("float64") if inside else None


def window(images, row, column, size, dilation):
    """Yields (tap row, tap column, pixel) for a window's pixels inside the image."""
    for tap_row in range(size):
        for tap_column in range(size):
            value = pixel(images, row + dilation * (tap_row - size // 2), column + dilation * (tap_column - size // 2))
            if value is not None:
                yield tap_row, tap_column, value


def at_every_centre(images, stride, compute, channels=None):
    """Returns the image of `compute(row, column)` over every `stride`-th row and column, from 0 on."""
    rows, columns = (math.ceil(side / stride) for side in images.shape[1:3])
    outputs = np.zeros((images.shape[0], rows, columns, channels or images.shape[3]))
    for row in range(rows):
        for column in range(columns):
            outputs[:, row, column, :] = compute(row * stride, column * stride)
    return outputs


def depthwise_convolution(images, kernel, stride, dilation):
    """Convolves each channel with its own kernel [size, size, channels, 1]; outside pixels count as zero."""

    def compute(row, column):
        taps = window(images, row, column, kernel.shape[0], dilation)
        return sum(kernel[tap_row, tap_column, :, 0] * value for tap_row, tap_column, value in taps)

    return at_every_centre(images, stride, compute)


def row_column_convolution(images, row_kernel, column_kernel, stride):
    """Convolves rows with [1, size, inputs, outputs], then columns with [size, 1, inputs, outputs].

    Each takes the stride along its own side; outside pixels count as zero.
    """
    rows, columns, size = images.shape[1], math.ceil(images.shape[2] / stride), row_kernel.shape[1]
    along_rows = np.zeros((images.shape[0], rows, columns, row_kernel.shape[3]))
    for row in range(rows):
        for column in range(columns):
            for tap in range(size):
                value = pixel(images, row, column * stride + tap - size // 2)
                if value is not None:
                    along_rows[:, row, column] += value @ row_kernel[0, tap]
    outputs = np.zeros((images.shape[0], math.ceil(rows / stride), columns, column_kernel.shape[3]))
    for row in range(outputs.shape[1]):
        for column in range(columns):
            for tap in range(size):
                value = pixel(along_rows, row * stride + tap - size // 2, column)
                if value is not None:
                    outputs[:, row, column] += value @ column_kernel[tap, 0]
    return outputs


def average_pooling(images, size, stride):
    """Averages the window's pixels inside the image."""
    return at_every_centre(
        images, stride, lambda *centre: np.mean([value for *_, value in window(images, *centre, size, 1)], axis=0)
    )


def maximum_pooling(images, size, stride):
    """Takes the maximum of the window's pixels inside the image."""
    return at_every_centre(
        images, stride, lambda *centre: np.max([value for *_, value in window(images, *centre, size, 1)], axis=0)
    )


def subsample(images, first):
    """Keeps every second pixel from `first` on, as many as from 0 on; outside pixels are zero."""

    def compute(row, column):
        value = pixel(images, row + first, column + first)
        return 0.0 if value is None else value

    return at_every_centre(images, 2, compute)


def relu(images):
    """Replaces negative values with zero."""
    return np.where(images > 0, images, 0.0)


def pointwise_convolution(images, kernel):
    """Maps each pixel's channels through a kernel [1, 1, inputs, outputs]."""
    return at_every_centre(images, 1, lambda *centre: pixel(images, *centre) @ kernel[0, 0], kernel.shape[3])


def standardize(images, epsilon=1e-5):
    """Subtracts each channel's mean and divides by the root of its biased variance plus epsilon."""
    outputs = np.zeros(images.shape)
    for channel in range(images.shape[3]):
        values = images[..., channel].astype("float64")
        mean = values.sum() / values.size
        variance = ((values - mean) ** 2).sum() / values.size
        outputs[..., channel] = (values - mean) / math.sqrt(variance + epsilon)
    return outputs


def normalize(layer, images):
    """The result of a normalization layer in training, with its scale and offset if it has them."""
    outputs = standardize(images)
    if layer.weights:
        outputs = outputs * np.asarray(layer.gamma) + np.asarray(layer.beta)
    return outputs


def factorized_reduction(block, images):
    """ReLU, then half of the channels from the even pixels and half from the odd ones, then normalization."""
    active = relu(images)
    halves = [
        pointwise_convolution(subsample(active, first), np.asarray(convolution.kernel))
        for first, convolution in enumerate((block.first_convolution, block.second_convolution))
    ]
    return normalize(block.normalization, np.concatenate(halves, axis=-1))


def depthwise_separable_unit(block, images, stride, dilation):
    """ReLU, depthwise and pointwise convolution, normalization."""
    depthwise = depthwise_convolution(relu(images), np.asarray(block.depthwise.kernel), stride, dilation)
    return normalize(block.normalization, pointwise_convolution(depthwise, np.asarray(block.pointwise.kernel)))
