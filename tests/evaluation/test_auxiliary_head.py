import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation.auxiliary_head import AuxiliaryHead


def parameters(head):
    return sum(int(np.prod(variable.shape)) for variable in head.trainable_variables)


def test_parameters_of_the_reference_heads():
    cifar, imagenet = AuxiliaryHead(10), AuxiliaryHead(1000, "imagenet")
    cifar.build((None, 8, 8, 576))
    imagenet.build((None, 7, 7, 768))
    assert parameters(cifar) == 576 * 128 + 2 * 128 + 4 * 128 * 768 + 2 * 768 + 768 * 10 + 10
    # No normalization after the second convolution.
    assert parameters(imagenet) == 768 * 128 + 2 * 128 + 4 * 128 * 768 + 768 * 1000 + 1000


@pytest.mark.parametrize(("stem", "side", "windows"), [("cifar", 8, (0, 3)), ("imagenet", 7, (0, 2))])
def test_arithmetic_at_the_reference_sizes(stem, side, windows):
    head = AuxiliaryHead(3, stem)
    images = np.random.default_rng(0).normal(size=(2, side, side, 4)).astype(np.float32)
    logits = head(tf.constant(images), training=False)
    active = np.maximum(images, 0)
    pooled = np.stack(
        [np.stack([active[:, y : y + 5, x : x + 5].mean(axis=(1, 2)) for x in windows], 1) for y in windows], 1
    )
    unit = 1 / np.sqrt(1 + 1e-5)
    hidden = np.maximum(pooled @ head.first_convolution.kernel.numpy()[0, 0] * unit, 0)
    hidden = np.einsum("nyxc,yxcd->nd", hidden, head.second_convolution.kernel.numpy())
    hidden = np.maximum(hidden * (unit if stem == "cifar" else 1), 0)
    expected = hidden @ head.classifier.kernel.numpy() + head.classifier.bias.numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("height", "width", "kernel"), [(1, 1, (1, 1)), (2, 2, (2, 2)), (4, 5, (2, 1)), (8, 2, (2, 2)), (30, 17, (2, 2))]
)
@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_other_sizes(height, width, kernel, stem):
    head = AuxiliaryHead(3, stem)
    assert head(tf.ones([2, height, width, 4]), training=True).shape == (2, 3)
    assert head.second_convolution.kernel_size == kernel


def test_initial_weights_are_uniform_within_the_inverse_root_of_fan_in():
    head = AuxiliaryHead(500)
    head.build((None, 8, 8, 16))
    for weight, fan_in in (
        (head.first_convolution.kernel, 16),
        (head.second_convolution.kernel, 512),
        (head.classifier.kernel, 768),
        (head.classifier.bias, 768),
    ):
        largest = np.abs(weight.numpy()).max() * np.sqrt(fan_in)
        assert 0.95 < largest <= 1.0


def test_unknown_stem():
    with pytest.raises(ValueError, match="stem must be one of"):
        AuxiliaryHead(3, "mnist")
