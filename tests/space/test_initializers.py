import json

import keras
import numpy as np
import pytest

from eoinas_tf.space.convolution_blocks import DepthwiseConvolution, DepthwiseSeparableUnit, ReLUConvolution
from eoinas_tf.space.initializers import FanInUniform

CHANNELS = 64


def built(layer, channels=CHANNELS):
    layer.build((None, 8, 8, channels))
    return layer


@pytest.mark.parametrize("fan_in", [1, 9, 25, 64])
def test_values_are_uniform_within_the_limit(fan_in):
    limit = fan_in**-0.5
    values = np.asarray(FanInUniform(fan_in)((100, 100)))
    assert values.dtype == np.float32
    assert np.all(np.abs(values) <= limit)
    counts, _ = np.histogram(values, bins=10, range=(-limit, limit))
    # A tenth of 10,000 draws has a standard deviation of 30.
    np.testing.assert_allclose(counts, 1000, atol=150)
    assert abs(values.mean()) < 5 * limit / np.sqrt(3 * values.size)
    assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_depthwise_kernel_lies_within_one_over_its_side(kernel_size):
    """PyTorch's fan-in of a depthwise kernel is k * k; Keras's would be k * k * channels."""
    kernel = np.abs(built(DepthwiseConvolution(kernel_size)).kernel.numpy())
    assert 0.95 / kernel_size < kernel.max() <= 1 / kernel_size


def test_pointwise_kernels_lie_within_one_over_root_of_the_input_channels():
    unit = built(DepthwiseSeparableUnit(CHANNELS, 3))
    block = built(ReLUConvolution(2 * CHANNELS))
    for kernel in (unit.pointwise.kernel.numpy(), block.convolution.kernel.numpy()):
        assert 0.95 / 8 < np.abs(kernel).max() <= 1 / 8


def test_serialization_keeps_fan_in_and_seed():
    initializer = FanInUniform(9, seed=5)
    assert initializer.get_config() == {"fan_in": 9, "seed": 5}
    serialized = keras.saving.serialize_keras_object(initializer)
    assert serialized["registered_name"] == "eoinas_tf>FanInUniform"
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(serialized)))
    np.testing.assert_array_equal(again((3, 4)), initializer((3, 4)))


def test_two_layers_differ():
    first, second = (built(DepthwiseConvolution(3)).kernel.numpy() for _ in range(2))
    assert not np.any(first == second)


def test_the_same_global_seed_reproduces():
    def kernels(seed):
        keras.utils.set_random_seed(seed)
        unit = built(DepthwiseSeparableUnit(4, 3), channels=4)
        return np.concatenate([unit.depthwise.kernel.numpy().ravel(), unit.pointwise.kernel.numpy().ravel()])

    np.testing.assert_array_equal(kernels(7), kernels(7))
    assert not np.any(kernels(7) == kernels(8))


def test_the_dtype_is_followed():
    assert FanInUniform(9)((2, 2), dtype="float16").dtype == "float16"
