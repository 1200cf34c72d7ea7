import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from eoinas_tf.data import image_datasets
from eoinas_tf.data.image_datasets import load_image_dataset
from eoinas_tf.data.image_resizing import resize_images
from eoinas_tf.errors import DatasetError


def pixels(split):
    return split.load_batch(tf.range(len(split), dtype=tf.int64)).numpy()


def test_digits():
    dataset = load_image_dataset("digits")
    assert dataset.name == "digits"
    assert dataset.class_names == tuple("0123456789")
    assert dataset.num_classes == 10
    assert dataset.image_shape == (8, 8, 1)
    assert (len(dataset.train), len(dataset.test)) == (1438, 359)


def test_digits_are_all_there_scaled_to_255_with_their_labels():
    dataset = load_image_dataset("digits")
    raw = load_digits()
    # 16 levels are scaled to 255: 8 becomes 127.5, which rounds to the even 128.
    expected = np.round(raw.images * 255 / 16).astype(np.uint8)
    assert expected.max() == 255
    ours = [
        (image.tobytes(), label)
        for split in (dataset.train, dataset.test)
        for image, label in zip(pixels(split), split.labels.tolist(), strict=True)
    ]
    theirs = [(image.tobytes(), label) for image, label in zip(expected, raw.target.tolist(), strict=True)]
    assert sorted(ours) == sorted(theirs)


def test_digits_test_part_is_a_fifth_of_every_class_and_stays():
    dataset = load_image_dataset("digits")
    classes = np.bincount(load_digits().target)
    assert np.all(np.abs(np.bincount(dataset.test.labels) - classes / 5) <= 0.5)
    np.testing.assert_array_equal(pixels(load_image_dataset("digits").test), pixels(dataset.test))


def test_digits_resized():
    dataset = load_image_dataset("digits", image_size=(16, 12))
    assert dataset.image_shape == (16, 12, 1)
    images = pixels(dataset.test)
    assert images.shape[1:] == (16, 12, 1)
    own = pixels(load_image_dataset("digits").test).astype(float)
    # Bilinear interpolation preserves means except at the borders.
    assert abs(images.mean() - own.mean()) < 3


def test_digits_by_their_shorter_side_with_the_middle_cut_out():
    dataset = load_image_dataset("digits", image_size=(8, 6), resize_side=8)
    np.testing.assert_array_equal(pixels(dataset.test), pixels(load_image_dataset("digits").test)[:, :, 1:7])


def test_digits_take_nothing_more():
    with pytest.raises(DatasetError, match="'digits:8'"):
        load_image_dataset("digits:8")


def test_a_folder_is_read_from_what_follows_the_colon(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "x:y" / name).mkdir(parents=True)
        for number in range(2):
            image = np.full([5, 4, 3], 50 * number, np.uint8)
            (tmp_path / "x:y" / name / f"{number}.png").write_bytes(tf.io.encode_png(image).numpy())
    dataset = load_image_dataset(f"folder:{tmp_path}/x:y", image_size=(4, 4))
    assert dataset.class_names == ("a", "b")
    assert dataset.image_shape == (4, 4, 3)


def test_every_other_name_goes_to_tensorflow_datasets(monkeypatch):
    calls = []
    monkeypatch.setattr(image_datasets, "load_tfds_images", lambda name, **kwargs: calls.append((name, kwargs)))
    wanted = {"image_size": (8, 9), "resize_side": 10, "keep_originals": True}
    load_image_dataset("cifar10:3.0.2", data_dir="somewhere", download=True, **wanted)
    assert calls == [("cifar10:3.0.2", {"data_dir": "somewhere", "download": True, **wanted})]


def test_digits_types_and_class_names_are_plain():
    dataset = load_image_dataset("digits")
    for split in (dataset.train, dataset.test):
        assert split.labels.dtype == np.int32
        assert pixels(split).dtype == np.uint8
    assert {type(name) for name in dataset.class_names} == {str}
    assert {type(side) for side in dataset.image_shape} == {int}


def test_digits_labels_stay_with_their_images():
    # Nearly all nearest neighbours in the training part have the same class; with mixed-up labels, a tenth would.
    dataset = load_image_dataset("digits")
    train, test = (pixels(split).reshape(len(split), -1).astype(np.float32) for split in (dataset.train, dataset.test))
    distances = np.square(train).sum(axis=1) - 2 * test @ train.T
    assert np.mean(dataset.train.labels[distances.argmin(axis=1)] == dataset.test.labels) > 0.97


@pytest.mark.parametrize("image_size", [(8, 8), (1, 1), (33, 5)])
def test_digits_resized_as_each_image_alone(image_size):
    own = load_image_dataset("digits").test
    resized = load_image_dataset("digits", image_size=image_size).test
    np.testing.assert_array_equal(resized.labels, own.labels)
    for index in (0, 200):
        expected = resize_images(own.load_batch(tf.constant([index])), image_size)
        np.testing.assert_array_equal(resized.load_batch(tf.constant([index])), expected)


@pytest.mark.parametrize("name", ["Digits", "folders:x", "", ":", "digit"])
def test_a_name_that_is_nearly_one_is_refused_with_one_line(name, tmp_path):
    with pytest.raises(DatasetError) as caught:
        load_image_dataset(name, data_dir=str(tmp_path))
    assert "\n" not in str(caught.value)
    assert repr(name) in str(caught.value)


def test_a_folder_without_a_path_is_refused():
    with pytest.raises(DatasetError, match="folder:PATH"):
        load_image_dataset("folder")
