import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.network_stem import StemConvolution, build_stem


def reference(images, kernel, stride):
    """3x3 convolution with one pixel of zeros on every side, position by position."""
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    rows, columns = range(0, images.shape[1], stride), range(0, images.shape[2], stride)
    return np.stack(
        [
            np.stack([np.einsum("nyxc,yxcd->nd", padded[:, y : y + 3, x : x + 3], kernel) for x in columns], axis=1)
            for y in rows
        ],
        axis=1,
    )


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("sides", [(6, 4), (5, 7)])
def test_padding_is_symmetric(stride, relu, sides):
    layer = StemConvolution(3, stride, relu)
    images = np.random.default_rng(0).normal(size=(2, *sides, 2)).astype(np.float32)
    outputs = layer(tf.constant(images), training=False)
    active = np.maximum(images, 0) if relu else images
    expected = reference(active, layer.convolution.kernel.numpy(), stride) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    assert outputs.shape == layer.compute_output_shape(images.shape)


def test_stems_are_those_of_darts():
    assert [(part.channels, part.stride, part.relu) for part in build_stem("cifar", 8)] == [(24, 1, False)]
    assert [(part.channels, part.stride, part.relu) for part in build_stem("imagenet", 8)] == [
        (4, 2, False),
        (8, 2, True),
        (8, 2, True),
    ]


def test_initial_kernel_counts_the_taps():
    layer = StemConvolution(200)
    layer.build((None, 8, 8, 1))
    assert 0.32 < np.abs(layer.convolution.kernel.numpy()).max() <= 1 / 3


@pytest.mark.parametrize(("arguments", "message"), [(("mnist", 8), "stem must be"), (("imagenet", 1), "at least 2")])
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_stem(*arguments)
