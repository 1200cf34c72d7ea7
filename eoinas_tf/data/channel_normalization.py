"""The means and standard deviations that normalize images: measured, or those of published recipes."""

import numpy as np

from eoinas_tf.data.augmentation import channel_statistics
from eoinas_tf.data.image_split import ImageDataset
from eoinas_tf.errors import ConfigurationError

# Means and standard deviations of red, green and blue on the scale 0 to 1, as in the code of DARTS and P-DARTS;
# ImageNet's are those that nearly all PyTorch code uses.
PUBLISHED_STATISTICS = {
    "cifar10": ((0.49139968, 0.48215827, 0.44653124), (0.24703233, 0.24348505, 0.26158768)),
    "cifar100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def normalization_statistics(dataset: ImageDataset, published: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns the statistics that normalize images.

    Args:
        dataset: The data set.
        published: A key of `PUBLISHED_STATISTICS`, or None to measure the data set's training images.

    Returns:
        Mean and standard deviation of each channel, float32 [channels], on the scale 0 to 255.

    Raises:
        ConfigurationError: Published statistics, which are for colour images, are requested, and the images have
            another number of channels.
    """
    if published is None:
        return channel_statistics(dataset.train)
    return published_statistics(published, dataset.image_shape[-1], dataset.name)


def published_statistics(published: str, channels: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns published statistics; result as for `normalization_statistics`.

    Args:
        published: A key of `PUBLISHED_STATISTICS`.
        channels: Channels of the images.
        name: The data set's name.

    Raises:
        ConfigurationError: They are not for images with that many channels.
    """
    mean, standard_deviation = (np.array(values, np.float32) * 255 for values in PUBLISHED_STATISTICS[published])
    if channels != len(mean):
        raise ConfigurationError(
            f"--normalization={published} is for images of {len(mean)} channels. Received: {name} with {channels}"
        )
    return mean, standard_deviation
