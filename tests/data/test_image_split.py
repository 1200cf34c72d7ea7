import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data import image_split
from eoinas_tf.data.image_decoding import decode_to_shape
from eoinas_tf.data.image_split import ImageDataset, ImageSplit, fits_in_memory
from eoinas_tf.data.random_resized_crop import crop_image, draw_crops
from eoinas_tf.errors import DatasetError

IMAGES = np.random.default_rng(0).integers(0, 256, [6, 3, 4, 1], np.uint8)
LABELS = [0, 1, 2, 0, 1, 2]


@pytest.fixture(params=["pixels", "sources"])
def split(request):
    if request.param == "pixels":
        return ImageSplit.from_pixels(IMAGES, LABELS)
    decode = lambda source: tf.reshape(tf.io.decode_raw(source, tf.uint8), [3, 4, 1])  # noqa: E731
    return ImageSplit.from_sources([image.tobytes() for image in IMAGES], LABELS, tf.identity, decode, (3, 4, 1))


def test_loads_by_index(split):
    loaded = split.load_batch(tf.constant([4, 0, 4], tf.int64))
    assert loaded.dtype == tf.uint8
    np.testing.assert_array_equal(loaded, IMAGES[[4, 0, 4]])
    assert len(split) == 6
    assert split.labels.dtype == np.int32


@pytest.mark.parametrize("indices", [[4, 0], (4, 0), np.array([4, 0], np.int32)])
def test_reads_at_once(split, indices):
    images = split.read(indices)
    assert isinstance(images, np.ndarray)
    np.testing.assert_array_equal(images, IMAGES[[4, 0]])


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


def test_counts_are_one_line(split):
    dataset = ImageDataset("digits", ("a", "b", "c"), (3, 4, 1), split, split.subset(np.array([2])))
    assert dataset.counts == "digits: 6 training images, 1 test images, 3 classes"
    told = dataclasses.replace(dataset, remarks=("one thing", "another"))
    assert told.counts == f"{dataset.counts}; one thing; another"


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


DRAWS = draw_crops(2, tf.constant([0, 1]))


def test_crops_of_pixels_are_cut_out_of_them():
    crops = ImageSplit.from_pixels(IMAGES, LABELS).load_crops(tf.constant([5, 1]), DRAWS)
    np.testing.assert_array_equal(
        crops, [crop_image(IMAGES[index], DRAWS[row], (3, 4)) for row, index in enumerate([5, 1])]
    )


@pytest.fixture
def photographs():
    """Images of three sizes and their split, which resizes them to 4x6 pixels."""
    sizes = [(12, 15), (9, 30), (20, 11)]
    images = [np.random.default_rng(number).integers(0, 256, [*size, 3], np.uint8) for number, size in enumerate(sizes)]
    encoded = [tf.io.encode_png(image).numpy() for image in images]
    split = ImageSplit.from_sources(
        (np.array([2, 1, 0]),),
        [0, 1, 0],
        lambda number: tf.gather(encoded, number),
        lambda source: decode_to_shape(source, (4, 6, 3), resize=True),
        (4, 6, 3),
    )
    return images[::-1], split


def test_crops_are_cut_out_of_the_original_images(photographs):
    images, split = photographs
    crops = split.load_crops(tf.constant([2, 0], tf.int64), DRAWS)
    np.testing.assert_array_equal(
        crops, [crop_image(images[2], DRAWS[0], (4, 6)), crop_image(images[0], DRAWS[1], (4, 6))]
    )
    np.testing.assert_array_equal(split.subset(np.array([0, 2])).load_crops(tf.constant([1, 0]), DRAWS), crops)


def test_crops_inside_a_pipeline_have_a_static_shape(photographs):
    indices = np.array([1, 0])
    for split in (photographs[1], photographs[1].subset(np.array([1, 0])), ImageSplit.from_pixels(IMAGES, LABELS)):
        load = lambda batch, split=split: split.load_crops(batch, DRAWS)  # noqa: E731
        batches = tf.data.Dataset.from_tensors(indices).map(load)
        assert batches.element_spec == tf.TensorSpec(split.load_batch(tf.constant(indices)).shape, tf.uint8)
        np.testing.assert_array_equal(next(iter(batches)), split.load_crops(tf.constant(indices), DRAWS))


def test_a_class_name_that_is_no_text_is_refused():
    """Before training, not when the accuracy of each class is written."""
    split = ImageSplit.from_pixels(np.zeros([2, 4, 4, 1], np.uint8), np.arange(2))
    with pytest.raises(DatasetError, match=r"the class 'b\\udcff' is not UTF-8 text; rename"):
        ImageDataset("two", ("a", "b\udcff"), (4, 4, 1), split, split)
    assert ImageDataset("two", ("a", "bé☃"), (4, 4, 1), split, split).num_classes == 2


def test_what_is_read_may_be_more_than_the_encoded_image():
    split = ImageSplit.from_sources(
        (np.array([b"a", b"b"], object), np.array([3, 4])),
        [0, 1],
        lambda letter, number: (letter, number),
        lambda read: tf.fill([1, 1, 1], tf.cast(read[1], tf.uint8)),
        (1, 1, 1),
        crop=lambda read, draws, shape: tf.fill(shape, tf.cast(10 * read[1], tf.uint8)),
    )
    assert split.load_batch(tf.constant([1, 0])).numpy().ravel().tolist() == [4, 3]
    assert split.load_crops(tf.constant([1, 0]), DRAWS).numpy().ravel().tolist() == [40, 30]
