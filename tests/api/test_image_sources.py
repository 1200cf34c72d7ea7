from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.api.image_sources import find_images
from eoinas_tf.data.dataset_fingerprint import dataset_fingerprint
from eoinas_tf.data.image_resizing import resize_images
from eoinas_tf.errors import DatasetError


def pixels(split):
    return split.load_batch(tf.range(len(split), dtype=tf.int64)).numpy()


def test_names_and_folders_become_the_setting(tmp_path):
    assert find_images("cifar10") == ("cifar10", None)
    assert find_images("folder:pictures") == ("folder:pictures", None)
    assert find_images(str(tmp_path)) == (f"folder:{tmp_path}", None)
    assert find_images("imagenette/320px-v2") == ("imagenette/320px-v2", None)
    assert find_images("./pictures") == ("folder:./pictures", None)
    assert find_images(Path("pictures")) == ("folder:pictures", None)
    with pytest.raises(DatasetError, match="brings its own test part"):
        find_images("cifar10", test_data=([], []))


def content(dataset):
    """Returns each part's images and labels, sorted."""
    return [
        sorted((image.tobytes(), label) for image, label in zip(pixels(part), part.labels, strict=True))
        for part in (dataset.train, dataset.test)
    ]


@pytest.mark.parametrize("batch_size", [None, 7])
def test_tf_data_gives_the_images_that_arrays_give(arrays, batch_size):
    data = tf.data.Dataset.from_tensor_slices(arrays)
    name, dataset = find_images(data if batch_size is None else data.batch(batch_size), test_data=data)
    _, expected = find_images(arrays, test_data=arrays)
    assert name == "arrays"
    assert content(dataset) == content(expected)


def test_batches_of_grey_images_need_no_channel_axis(arrays):
    images, labels = arrays
    data = tf.data.Dataset.from_tensor_slices((images[..., 0], labels))
    in_rows = tf.data.Dataset.from_tensor_slices((images[..., 0], labels[:, np.newaxis]))
    # Single images of unknown shape, as a decoder gives them.
    unknown = tf.data.Dataset.from_tensor_slices((images, labels[:, np.newaxis])).map(
        lambda image, label: (
            tf.ensure_shape(tf.py_function(lambda x: x, [image], tf.uint8), (None, None, None)),
            label,
        )
    )
    for given in (data, data.batch(7), data.batch(8, drop_remainder=True), in_rows.batch(7), unknown):
        assert content(find_images(given, test_data=given)[1]) == content(find_images(arrays, test_data=arrays)[1])


@pytest.mark.parametrize(("side", "type_"), [(8, np.uint8), (8, np.float32), (4, np.uint8)])
def test_shuffled_tf_data_gives_the_same_parts(arrays, side, type_):
    images, labels = arrays
    # Copies of an image, in both classes.
    images, labels = np.concatenate([images, images[:4]]), np.concatenate([labels, 1 - labels[:4]])

    def found(seed, size):
        data = tf.data.Dataset.from_tensor_slices((images.astype(type_), labels)).shuffle(len(images), seed).batch(7)
        return find_images(data, image_size=size)[1]

    size = None if side == 8 else (side, side)
    first, second = found(1, size), found(2, size)
    for part in ("train", "test"):
        np.testing.assert_array_equal(pixels(getattr(first, part)), pixels(getattr(second, part)))
        np.testing.assert_array_equal(getattr(first, part).labels, getattr(second, part).labels)
    assert dataset_fingerprint(first) == dataset_fingerprint(second)
    # A test part of the images' own size has the same images.
    expected = found(3, None).test
    np.testing.assert_array_equal(first.test.labels, expected.labels)
    np.testing.assert_array_equal(pixels(first.test), resize_images(pixels(expected), (side, side)))


def test_tf_data_of_many_sizes_is_resized(arrays):
    def examples():
        yield np.full((8, 8, 3), 9, np.uint8), b"dark"
        yield np.full((6, 10, 3), 200, np.uint8), b"bright"

    signature = (tf.TensorSpec([None, None, 3], tf.uint8), tf.TensorSpec([], tf.string))
    data = tf.data.Dataset.from_generator(examples, output_signature=signature)
    _, dataset = find_images(data, test_data=data, image_size=(4, 4))
    assert (dataset.image_shape, dataset.class_names) == ((4, 4, 3), ("bright", "dark"))
    assert (pixels(dataset.train)[1] == 200).all()
    with pytest.raises(DatasetError, match="of one shape; give image_size"):
        find_images(data)


@pytest.mark.parametrize("resize_side", [None, 6])
def test_tf_data_is_resized_once_as_arrays_are(arrays, resize_side):
    data = tf.data.Dataset.from_tensor_slices(arrays)
    sizes = {"image_size": (5, 4), "resize_side": resize_side}
    assert content(find_images(data, test_data=data, **sizes)[1]) == content(
        find_images(arrays, test_data=arrays, **sizes)[1]
    )


def labelled(labels):
    return tf.data.Dataset.from_tensor_slices((np.zeros((2, 4, 4, 1), np.uint8), labels))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: 3, "images must be .* Received: int"),
        (lambda: tf.data.Dataset.range(3), "must yield .image, label. pairs"),
        (lambda: tf.data.Dataset.from_tensors((np.zeros((4, 4, 1)), 0)).repeat(), "must be finite"),
        (lambda: labelled(tf.ragged.constant([[0], [0, 1]])), "several labels for an image is not supported"),
        (lambda: labelled({"kind": [0, 1], "place": [1, 1]}), "several labels for an image is not supported"),
        (lambda: labelled([[1, 1], [0, 1]]), "several labels for an image is not supported"),
        (lambda: labelled([b"caf\xe9", b"tea"]), "must hold UTF-8 texts"),
        (lambda: labelled([0.5, 0.25]), "regression, .* include_top=False"),
        (lambda: labelled(np.zeros((2, 4, 4, 1))), "segmentation, .* include_top=False"),
    ],
)
def test_what_is_no_source_is_refused(data, message):
    with pytest.raises(DatasetError, match=message):
        find_images(data())
