"""Each implementation of batch normalization equals its formula, values and gradients."""

import numpy as np
import pytest
import tensorflow as tf
from kernel_checks import SIDES, assert_same, every_normalization, random_images

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.kernels.batch_normalization import batch_normalization, batch_standardization


@every_normalization
@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("batch", [3, 4, 6, 8])
def test_standardization(generator, height, width, batch):
    def plain(inputs):
        mean, variance = tf.nn.moments(inputs, [0, 1, 2])
        return (inputs - mean) / tf.sqrt(variance + 0.1)

    inputs = random_images(generator, height, width, batch=batch)
    assert_same(lambda inputs: batch_standardization(inputs, 0.1), plain, inputs)


@every_normalization
@pytest.mark.parametrize(("height", "width"), SIDES)
def test_normalization(generator, height, width):
    def plain(inputs, scale, offset):
        mean, variance = tf.nn.moments(inputs, [0, 1, 2])
        return scale * (inputs - mean) / tf.sqrt(variance + 0.1) + offset

    scale, offset = (tf.constant(generator.normal(size=3).astype(np.float32)) for _ in range(2))
    inputs = random_images(generator, height, width)
    assert_same(lambda *arguments: batch_normalization(*arguments, 0.1)[0], plain, inputs, scale, offset)
    statistics = tf.function(lambda *arguments: batch_normalization(*arguments, 0.1)[1:], autograph=False)
    for found, expected in zip(statistics(inputs, scale, offset), tf.nn.moments(inputs, [0, 1, 2]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("min_elements", "onednn", "expected"),
    [(0, False, "_XlaMustCompile"), (0, True, "FusedBatchNormV3"), (2**60, True, "Rsqrt")],
    ids=["compiled", "fused", "composed"],
)
def test_which_implementation_normalizes(monkeypatch, min_elements, onednn, expected):
    monkeypatch.setattr(kernel_policy, "MIN_ELEMENTS_TO_COMPILE", min_elements)
    monkeypatch.setattr(kernel_policy, "ONEDNN_VECTOR_CHANNELS", 1)
    monkeypatch.setattr(kernel_policy, "has_onednn", lambda: onednn)

    @tf.function(autograph=False)
    def normalized(images):
        return batch_normalization(images, tf.ones([3]), tf.zeros([3]), 0.1)

    graph = normalized.get_concrete_function(tf.zeros([2, 6, 6, 3])).graph
    found = {operation.type for operation in graph.get_operations()}
    found |= {name for function in graph.as_graph_def().library.function for name in function.attr}
    assert found & {"_XlaMustCompile", "FusedBatchNormV3", "Rsqrt"} == {expected}


def test_half_precision_is_normalized_in_float32(generator):
    """In float16 the sum of so many squares would be infinite."""
    images = tf.cast(random_images(generator, 40, 40), tf.float16) * 20
    outputs, mean, variance = batch_normalization(images, tf.ones([3]), tf.zeros([3]), 1e-5)
    assert outputs.dtype == mean.dtype == variance.dtype == tf.float32
    np.testing.assert_allclose(variance, np.var(images.numpy().astype(np.float64), axis=(0, 1, 2)), rtol=1e-3)
