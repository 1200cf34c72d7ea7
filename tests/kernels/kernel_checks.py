"""Compares two implementations of one kind of arithmetic, values and gradients."""

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.kernels import kernel_policy

SIDES = [(9, 7), (8, 8), (5, 6)]
# Includes the smallest and the narrowest images, for comparisons with the definition.
ALL_SIDES = [(6, 8), (7, 5), (8, 7), (1, 1), (2, 3), (1, 9)]

# The elements of a large batch: for compiled functions, for compiled convolutions, for oneDNN's pooling.
THRESHOLDS = ("MIN_ELEMENTS_TO_COMPILE", "MIN_ELEMENTS_TO_COMPILE_CONVOLUTION", "MIN_ELEMENTS_FOR_ONEDNN_POOLING")

with_and_without_onednn = pytest.mark.usefixtures("_onednn")
every_normalization = pytest.mark.usefixtures("_normalization")


def set_thresholds(monkeypatch, value):
    """Sets the `THRESHOLDS`: one value for all, or a tuple with one for each."""
    values = value if isinstance(value, tuple) else (value,) * len(THRESHOLDS)
    for threshold, elements in zip(THRESHOLDS, values, strict=True):
        monkeypatch.setattr(kernel_policy, threshold, elements)


def values_and_gradients(function, *arguments):
    """Runs in a graph; returns the output, then the gradient of a weighted sum of it for each argument."""

    @tf.function(autograph=False)
    def run(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = function(*tensors)
        weights = tf.random.stateless_normal(tf.shape(outputs), [1, 2])
        return outputs, *tape.gradient(outputs, tensors, weights)

    return [result.numpy() for result in run(*arguments)]


def assert_same(fast, plain, *arguments):
    """Makes sure that two functions have the same values and gradients up to rounding, and that these are not all 0."""
    for found, expected in zip(
        values_and_gradients(fast, *arguments), values_and_gradients(plain, *arguments), strict=True
    ):
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def random_images(generator, height, width, channels=3, batch=4):
    """Returns a tensor of normal values, float32 [batch, height, width, channels]."""
    return tf.constant(generator.normal(2, 3, [batch, height, width, channels]).astype(np.float32))


def images_of(generator, height, width, channels=3):
    """Returns an array of 2 images of standard normal values, float32 [2, height, width, channels]."""
    return generator.normal(size=(2, height, width, channels)).astype("float32")


def compiled_function_count(function, *shape):
    """Returns how many compiled functions are in the graph of a function of images."""
    graph = tf.function(function, autograph=False).get_concrete_function(tf.zeros(shape)).graph
    return sum("_XlaMustCompile" in inner.attr for inner in graph.as_graph_def().library.function)
