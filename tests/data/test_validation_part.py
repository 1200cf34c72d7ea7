import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.data.split_indices import held_out_fraction
from eoinas_tf.data.validation_part import with_validation_part

LABELS = np.arange(12) % 3
IMAGES = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1)
TRAIN = ImageSplit.from_pixels(IMAGES, LABELS, np.arange(12, dtype=np.uint64))
DATASET = ImageDataset("small", ("a", "b", "c"), (1, 1, 1), TRAIN, ImageSplit.from_pixels(IMAGES[:2], LABELS[:2]))


def pixels(split):
    return split.load_batch(tf.range(len(split), dtype=tf.int64)).numpy().ravel().tolist()


def test_every_training_image_is_in_one_part_with_its_label():
    dataset = with_validation_part(DATASET, 0.25, seed=7)
    kept, held_out = held_out_fraction(LABELS, 0.25, 7)
    assert (pixels(dataset.train), pixels(dataset.validation)) == (kept.tolist(), held_out.tolist())
    assert np.bincount(dataset.validation.labels).tolist() == [1, 1, 1]
    for split in (dataset.train, dataset.validation):
        np.testing.assert_array_equal(split.labels, LABELS[pixels(split)])
        assert split.image_digests.tolist() == pixels(split)
    assert dataset.test is DATASET.test
    assert dataset.size == "small: 9 training images, 3 validation images, 2 test images, 3 classes"


@pytest.mark.parametrize("seed", [0, 1])
def test_without_a_fraction_it_is_the_data_set_itself(seed):
    assert with_validation_part(DATASET, 0.0, seed) is DATASET
    assert DATASET.size == "small: 12 training images, 2 test images, 3 classes"
