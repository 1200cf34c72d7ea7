"""The images that a search trains and validates on, loaded as the settings say and checked against the run folder."""

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.dataset_fingerprint import dataset_fingerprint
from eoinas_tf.data.image_datasets import ImageDataset, load_image_dataset
from eoinas_tf.experiment.dataset_record import keep_dataset
from eoinas_tf.experiment.run_directory import RunDirectory


def load_search_images(config: SearchConfig, run: RunDirectory, given: ImageDataset | None = None) -> ImageDataset:
    """Loads the data set that the settings name and makes sure that it is the one the run began with.

    Args:
        config: The settings.
        run: The open run folder; a new one receives the data set's fingerprint.
        given: The images themselves, if already in memory.

    Raises:
        DatasetError: It is unknown, missing, or does not match the settings.
        RunDirectoryError: The run began with other images.
    """
    dataset = read_search_images(config, given)
    keep_dataset(run, dataset_fingerprint(dataset))
    return dataset


def read_search_images(config: SearchConfig, given: ImageDataset | None = None) -> ImageDataset:
    """Loads the data set that the settings name.

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
        skip_bad_images=config.on_bad_image == "skip",
    )
