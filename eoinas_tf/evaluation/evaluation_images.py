"""The images that a final network is trained and tested on, loaded as the settings say."""

import logging

import numpy as np

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.channel_normalization import normalization_statistics
from eoinas_tf.data.image_datasets import ImageDataset, load_image_dataset
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.errors import ConfigurationError

LOGGER = logging.getLogger(__name__)


def load_images(config: EvaluationConfig, given: ImageDataset | None = None) -> ImageDataset:
    """Loads the data set that the settings name, at the size that they name.

    Args:
        config: The settings.
        given: The images themselves, if already in memory.

    Raises:
        DatasetError: It is unknown, missing, or does not match the settings.
    """
    return given or load_image_dataset(
        config.dataset,
        data_dir=config.data_dir,
        download=config.download,
        image_size=config.image_size,
        resize_side=config.resize_side,
        keep_originals=config.crop == "random_resized" and config.image_size is not None,
        skip_bad_images=config.on_bad_image == "skip",
    )


def check_cutout(length: int, image_shape: tuple[int, ...]) -> None:
    """Warns about a square that covers more than half of an image, and refuses one that always covers all of it.

    Args:
        length: Side of the square in pixels.
        image_shape: Height, width and channels of the images.

    Raises:
        ConfigurationError: Every training image would be blank.
    """
    height, width, _ = image_shape
    covered = _covered_share(length, height) * _covered_share(length, width)
    advice = (
        f"; the images have {height}x{width} pixels, so give --cutout_length=0, or at most {min(height, width) // 2}. "
        f"Received: {length}"
    )
    if covered == 1.0:
        raise ConfigurationError(f"--cutout_length would blank every training image completely{advice}")
    if covered > 0.5:
        LOGGER.warning("--cutout_length blanks %.0f%% of a training image on average%s", 100 * covered, advice)


def _covered_share(length: int, side: int) -> float:
    """Returns the mean share of a side that a square covers, whose centre may be anywhere on it."""
    first = np.arange(side) - length // 2
    return float(np.mean(np.minimum(first + length, side) - np.maximum(first, 0)) / side)


def choose_preprocessing(config: EvaluationConfig, dataset: ImageDataset) -> Preprocessing:
    """Returns the augmentation and normalization that the settings name.

    Args:
        config: The settings.
        dataset: The data set, whose training images may determine the normalization.
    """
    return Preprocessing(
        *normalization_statistics(dataset, config.normalization),
        crop_padding=config.crop_padding,
        horizontal_flip=config.horizontal_flip,
        cutout_length=config.cutout_length,
        random_resized_crop=config.crop == "random_resized",
        color_jitter=config.color_jitter,
        hue_jitter=config.hue_jitter,
        randaugment_layers=config.randaugment_layers,
        randaugment_magnitude=config.randaugment_magnitude,
        random_erasing_probability=config.random_erasing_probability,
    )
