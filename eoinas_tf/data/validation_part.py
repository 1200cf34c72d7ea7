"""Validation images of a final training run: a part of the training images, used to choose an epoch."""

import dataclasses

from eoinas_tf.data.image_split import ImageDataset
from eoinas_tf.data.split_indices import held_out_fraction


def with_validation_part(dataset: ImageDataset, fraction: float, seed: int) -> ImageDataset:
    """Moves a fraction of each class from the training images to validation images.

    Args:
        dataset: The data set.
        fraction: Fraction of every class to move, below 1; 0: nothing is moved.
        seed: The run's seed, which draws the images.

    Returns:
        The data set with fewer training images; the same data set if nothing is moved.

    Raises:
        DatasetError: No class has two training images.
    """
    if not fraction:
        return dataset
    kept, held_out = held_out_fraction(dataset.train.labels, fraction, seed)
    return dataclasses.replace(dataset, train=dataset.train.subset(kept), validation=dataset.train.subset(held_out))
