import dataclasses

import numpy as np
import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.augmentation import normalize_channels
from eoinas_tf.data.channel_normalization import PUBLISHED_STATISTICS, normalization_statistics
from eoinas_tf.data.image_datasets import load_image_dataset
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.errors import ConfigurationError


def dataset_of(images):
    split = ImageSplit.from_pixels(images, np.zeros(len(images)))
    return ImageDataset("some", ("only",), images.shape[1:], split, split)


def test_measured_where_nothing_is_asked_for(generator):
    images = generator.integers(0, 200, (9, 4, 4, 2)).astype(np.uint8)
    mean, deviation = normalization_statistics(dataset_of(images), None)
    np.testing.assert_allclose(mean, images.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(deviation, images.std(axis=(0, 1, 2)), rtol=1e-6)


def test_published_ones_do_to_pixels_what_pytorch_recipes_do():
    images = np.array([[[[0, 128, 255]]]], np.uint8)
    normalized = normalize_channels(images, *normalization_statistics(dataset_of(images), "imagenet"))
    # There, pixels are divided by 255, and mean and deviation are on the scale 0 to 1.
    expected = [(0 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    np.testing.assert_allclose(normalized[0, 0, 0], expected, rtol=1e-5)


def test_published_ones_need_colour_images():
    with pytest.raises(ConfigurationError, match=r"--normalization=cifar10 is for images of 3 channels.*some with 1$"):
        normalization_statistics(dataset_of(np.zeros((2, 4, 4, 1), np.uint8)), "cifar10")


def test_the_setting_names_all_of_them():
    (field,) = (field for field in dataclasses.fields(EvaluationConfig) if field.name == "normalization")
    assert field.metadata["choices"] == tuple(PUBLISHED_STATISTICS)


def test_those_of_cifar10_are_what_is_measured(tfds_data_dir):
    dataset = load_image_dataset("cifar10", data_dir=tfds_data_dir, download=False, image_size=None)
    for measured, published in zip(
        normalization_statistics(dataset, None), normalization_statistics(dataset, "cifar10"), strict=True
    ):
        np.testing.assert_allclose(measured, published, rtol=0.02)
