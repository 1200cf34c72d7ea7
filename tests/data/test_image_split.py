import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data import image_split
from eoinas_tf.data.image_split import ImageDataset, ImageSplit, fits_in_memory

IMAGES = np.random.default_rng(0).integers(0, 256, [6, 3, 4, 1], np.uint8)
LABELS = [0, 1, 2, 0, 1, 2]


@pytest.fixture(params=["pixels", "sources"])
def split(request):
    if request.param == "pixels":
        return ImageSplit.from_pixels(IMAGES, LABELS)
    decode = lambda source: tf.reshape(tf.io.decode_raw(source, tf.uint8), [3, 4, 1])  # noqa: E731
    return ImageSplit.from_sources([image.tobytes() for image in IMAGES], LABELS, decode, (3, 4, 1))


def test_loads_by_index(split):
    loaded = split.load_batch(tf.constant([4, 0, 4], tf.int64))
    assert loaded.dtype == tf.uint8
    np.testing.assert_array_equal(loaded, IMAGES[[4, 0, 4]])
    assert len(split) == 6
    assert split.labels.dtype == np.int32


def test_loads_inside_a_pipeline_with_a_static_shape(split):
    batches = tf.data.Dataset.from_tensor_slices(np.array([[5, 1], [2, 3]])).map(split.load_batch)
    assert batches.element_spec == tf.TensorSpec([2, 3, 4, 1], tf.uint8)
    np.testing.assert_array_equal(np.stack(list(batches.as_numpy_iterator())), IMAGES[[[5, 1], [2, 3]]])


def test_subset_keeps_the_order_asked_for(split):
    subset = split.subset(np.array([5, 2, 1])).subset(np.array([2, 0]))
    assert subset.labels.tolist() == [1, 2]
    np.testing.assert_array_equal(subset.load_batch(tf.constant([0, 1], tf.int64)), IMAGES[[1, 5]])


def test_number_of_classes(split):
    assert ImageDataset("digits", ("a", "b", "c"), (3, 4, 1), split, split).num_classes == 3


def test_memory_limit_counts_every_byte(monkeypatch):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", 72)
    assert fits_in_memory(6, (3, 4, 1))
    assert not fits_in_memory(7, (3, 4, 1))
    assert not fits_in_memory(6, (3, 4, 3))


def test_an_empty_batch_has_the_images_shape(split):
    assert split.load_batch(tf.zeros([0], tf.int64)).shape == (0, 3, 4, 1)


def test_an_index_that_is_not_there_is_an_error_and_not_another_image(split):
    for indices in ([6], [-1]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            next(iter(tf.data.Dataset.from_tensors(np.array(indices)).map(split.load_batch)))


def test_a_change_of_the_given_array_does_not_reach_the_split():
    images = IMAGES.copy()
    split = ImageSplit.from_pixels(images, LABELS)
    images[:] = 0
    np.testing.assert_array_equal(split.load_batch(tf.range(6, dtype=tf.int64)), IMAGES)


def test_a_subset_loads_inside_a_pipeline_with_a_static_shape(split):
    subset = split.subset(np.array([4, 2]))
    batches = tf.data.Dataset.from_tensors(np.array([1, 0, 1])).map(subset.load_batch)
    assert batches.element_spec == tf.TensorSpec([3, 3, 4, 1], tf.uint8)
    np.testing.assert_array_equal(next(iter(batches)), IMAGES[[2, 4, 2]])
