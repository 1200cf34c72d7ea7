"""The images that a final network is trained and tested on, loaded as the settings say."""

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.channel_normalization import normalization_statistics
from eoinas_tf.data.image_datasets import ImageDataset, load_image_dataset
from eoinas_tf.data.input_pipelines import Preprocessing


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
