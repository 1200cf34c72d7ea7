import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.convolution_unit import ConvolutionUnit


def by_hand(images, kernel, stride):
    """A 3x3 convolution with one pixel of zeros around, value by value."""
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    height, width = (-(-side // stride) for side in images.shape[1:3])
    outputs = np.zeros((len(images), height, width, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            window = padded[:, row * stride : row * stride + 3, column * stride : column * stride + 3]
            outputs[:, row, column] = np.einsum("bhwc,hwcd->bd", window, kernel)
    return outputs


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("depthwise", [False, True])
def test_it_is_convolution_normalization_activation(generator, stride, depthwise):
    images = generator.normal(size=(2, 6, 5, 3)).astype(np.float32)
    unit = ConvolutionUnit(3, 3, stride, depthwise, activation="relu6")
    unit.build(images.shape)
    kernel = unit.convolution.kernel.numpy()
    if depthwise:
        kernel = kernel * np.eye(3)
    expected = np.clip(by_hand(images, kernel, stride) / np.sqrt(1 + 1e-5), 0, 6)
    outputs = unit(images, training=False).numpy()
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    assert unit.compute_output_shape(images.shape) == outputs.shape


def test_a_pointwise_convolution_with_stride_is_one_without_of_every_second_pixel(generator):
    """OneDNN's gradient of the other one writes past its memory, which ends the process at once or later."""
    images = generator.normal(size=(2, 6, 5, 3)).astype(np.float32)
    unit = ConvolutionUnit(4, 1, 2)
    unit.build(images.shape)
    expected = np.einsum("bhwc,cd->bhwd", images[:, ::2, ::2], unit.convolution.kernel.numpy()[0, 0])
    outputs = unit(images, training=False).numpy()
    np.testing.assert_allclose(outputs, expected / np.sqrt(1 + 1e-5), atol=1e-5)
    assert unit.compute_output_shape(images.shape) == outputs.shape
    assert unit.convolution.strides == (1, 1)


@pytest.mark.parametrize("depthwise", [False, True])
def test_initial_weights_lie_within_one_over_the_root_of_the_inputs_of_an_output(depthwise):
    unit = ConvolutionUnit(64, 3, depthwise=depthwise)
    unit.build((None, 8, 8, 64))
    limit = 1 / np.sqrt(9 if depthwise else 9 * 64)
    largest = float(tf.reduce_max(tf.abs(unit.convolution.kernel)))
    assert 0.95 * limit < largest <= limit


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match=r"activation must be one of linear, relu, relu6\. Received: swish"):
        ConvolutionUnit(3, activation="swish")


def test_its_config_builds_it_again():
    unit = ConvolutionUnit(5, 1, 2, activation="relu")
    assert ConvolutionUnit.from_config(unit.get_config()).get_config() == unit.get_config()
