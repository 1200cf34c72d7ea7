import shutil
import socket
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from eoinas_tf.data import image_split, tfds_images
from eoinas_tf.data.augmentation import channel_statistics
from eoinas_tf.data.dataset_fingerprint import dataset_fingerprint
from eoinas_tf.data.image_resizing import fit_images, resize_images
from eoinas_tf.data.input_pipelines import Preprocessing, SearchBatches
from eoinas_tf.data.random_resized_crop import crop_image, draw_crops
from eoinas_tf.data.split_indices import class_balanced_halves
from eoinas_tf.data.tfds_images import load_tfds_images
from eoinas_tf.errors import DatasetError
from eoinas_tf.random_seeds import epoch_order


def picture(number, height=4, width=6, channels=3):
    return np.random.default_rng(number).integers(0, 256, [height, width, channels], np.uint8)


def prepare(folder, name, shape, parts, label=None):
    """Prepares a set; `parts` maps a part to its (image, label) pairs."""
    features = {"image": tfds.features.Image(shape=shape), "label": label or tfds.features.ClassLabel(names=["a", "b"])}
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            part: [(key, {"image": image, "label": label}) for key, (image, label) in enumerate(pairs)]
            for part, pairs in parts.items()
        },
        data_dir=folder,
        disable_shuffling=True,
    )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("prepared"))
    train = [(picture(number), number % 2) for number in range(10)]
    prepare(folder, "fixed", (4, 6, 3), {"train": train, "test": [(picture(90), 1)], "validation": [(picture(91), 0)]})
    grey = [(picture(number, channels=1), number % 2) for number in range(10)]
    prepare(folder, "grey", (4, 6, 1), {"train": grey})
    # As in a competition: the test part has no labels.
    varying = {
        "train": [(picture(1, 9, 5), 0), (picture(2, 3, 8), 1)],
        "test": [(picture(3), -1)],
        "validation": [(picture(4, 7, 7), 1)],
    }
    prepare(folder, "varying", (None, None, 3), varying)
    prepare(folder, "numbers", (4, 6, 3), {"train": train}, label=tfds.features.Scalar(np.int64))
    prepare(folder, "untrained", (4, 6, 3), {"test": train})
    return folder


def pixels(split):
    return split.load_batch(tf.range(len(split), dtype=tf.int64)).numpy()


def one_line_error(name, **kwargs):
    with pytest.raises(DatasetError) as caught:
        load_tfds_images(name, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_fingerprint_knows_version_parts_and_each_image(data_dir, tmp_path, monkeypatch):
    def of(folder, name="fixed"):
        return dataset_fingerprint(load_tfds_images(name, data_dir=str(folder)))

    fingerprint = of(data_dir)
    assert fingerprint["source"] == {"version": "1.0.0", "test part": "test"}
    assert of(data_dir, "grey")["source"]["test part"] == "a fifth of train"
    # Prepared again, the data set is the same; with one image exchanged it is not, though all counts are.
    pairs = [(picture(number), number % 2) for number in range(10)]
    test = [(picture(90), 1)]
    prepare(str(tmp_path / "again"), "fixed", (4, 6, 3), {"train": pairs, "test": test})
    prepare(
        str(tmp_path / "other"), "fixed", (4, 6, 3), {"train": [*pairs[:3], (picture(77), 1), *pairs[4:]], "test": test}
    )
    other = of(tmp_path / "other")
    assert of(tmp_path / "again") == fingerprint
    assert other != fingerprint
    assert other["parts"]["test"] == fingerprint["parts"]["test"]
    # Read image by image, it is also the same.
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", 0)
    assert of(data_dir) == fingerprint
    assert of(tmp_path / "other") == other


@pytest.mark.parametrize("limit", [2**30, 0], ids=["pixels", "encoded"])
def test_images_of_one_size(data_dir, monkeypatch, limit):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", limit)
    dataset = load_tfds_images("fixed", data_dir=data_dir)
    assert dataset.class_names == ("a", "b")
    assert dataset.image_shape == (4, 6, 3)
    assert dataset.train.labels.tolist() == [0, 1] * 5
    np.testing.assert_array_equal(pixels(dataset.train), [picture(number) for number in range(10)])
    assert dataset.test.labels.tolist() == [1]
    np.testing.assert_array_equal(pixels(dataset.test), [picture(90)])


@pytest.mark.parametrize("limit", [2**30, 0], ids=["pixels", "encoded"])
def test_images_of_many_sizes_and_a_test_part_without_labels(data_dir, monkeypatch, limit):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", limit)
    dataset = load_tfds_images("varying", data_dir=data_dir, image_size=(5, 3))
    assert dataset.image_shape == (5, 3, 3)
    expected = [resize_images(picture(1, 9, 5), (5, 3)), resize_images(picture(2, 3, 8), (5, 3))]
    np.testing.assert_array_equal(pixels(dataset.train), expected)
    assert dataset.test.labels.tolist() == [1]
    np.testing.assert_array_equal(pixels(dataset.test), [resize_images(picture(4, 7, 7), (5, 3))])


def test_a_fifth_is_held_out_where_there_is_only_train(data_dir):
    dataset = load_tfds_images("grey", data_dir=data_dir)
    assert dataset.image_shape == (4, 6, 1)
    assert np.bincount(dataset.train.labels).tolist() == [4, 4]
    assert np.bincount(dataset.test.labels).tolist() == [1, 1]
    together = np.concatenate([pixels(dataset.train), pixels(dataset.test)])
    expected = [picture(number, channels=1) for number in range(10)]
    assert sorted(image.tobytes() for image in together) == sorted(image.tobytes() for image in expected)


def test_differing_sizes_name_the_flag(data_dir):
    assert "--image_size=H,W" in one_line_error("varying", data_dir=data_dir)


def test_a_set_without_classes_names_its_features(data_dir):
    message = one_line_error("numbers", data_dir=data_dir)
    assert "Received: image (Image), label (Scalar)" in message


def test_a_set_without_a_training_part_names_its_parts(data_dir):
    assert "no part called train. Received: test" in one_line_error("untrained", data_dir=data_dir)


def test_a_set_that_is_not_there_names_folder_and_flags(data_dir, caplog):
    message = one_line_error("mnist", data_dir=data_dir)
    assert f"{data_dir}/mnist" in message
    assert "--data_dir" in message
    assert "--download" in message
    assert not caplog.records


def test_downloads_only_where_asked_to(data_dir, monkeypatch):
    asked = []

    def refuse(builder, **kwargs):
        asked.append(builder.name)
        raise ConnectionError("no network\nat all")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", refuse)
    one_line_error("mnist", data_dir=data_dir)
    assert asked == []
    message = one_line_error("mnist", data_dir=data_dir, download=True)
    assert asked == ["mnist"]
    assert "could not be downloaded" in message
    assert message.endswith("no network")
    load_tfds_images("fixed", data_dir=data_dir, download=True)
    assert asked == ["mnist"]


@pytest.mark.parametrize("name", ["cifar11", "huggingface:mnist", "", "../cifar10", "two words"])
def test_an_unknown_name_is_refused(name, data_dir):
    message = one_line_error(name, data_dir=data_dir)
    assert repr(name) in message
    assert ("close names are" in message) == (name == "cifar11" or name == "../cifar10")


def test_a_folder_given_as_a_name(tmp_path):
    assert f"--dataset=folder:{tmp_path}" in one_line_error(str(tmp_path))


@pytest.mark.parametrize("name", ["cifar10/nonsense", "cifar10:9.9.9"])
def test_an_unknown_configuration_or_version_is_refused(name, data_dir):
    assert name in one_line_error(name, data_dir=data_dir)


def damage(folder, change):
    file = next(folder.glob("fixed/1.0.0/fixed-train*"))
    file.write_bytes(change(file.read_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-20],
        lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:],
        lambda content: b"",
    ],
    ids=["cut", "bit", "empty"],
)
def test_a_damaged_file_is_told_with_its_folder(data_dir, tmp_path, change):
    shutil.copytree(data_dir, tmp_path, dirs_exist_ok=True)
    load_tfds_images("fixed", data_dir=str(tmp_path))
    damage(tmp_path, change)
    message = one_line_error("fixed", data_dir=str(tmp_path))
    assert f"{tmp_path}/fixed/1.0.0" in message
    assert message.startswith("train of fixed")


def test_a_damaged_description_is_told(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path, dirs_exist_ok=True)
    description = tmp_path / "fixed" / "1.0.0" / "dataset_info.json"
    description.write_bytes(description.read_bytes()[:100])
    assert one_line_error("fixed", data_dir=str(tmp_path)).startswith("TensorFlow Datasets cannot open fixed: ")


def test_a_missing_file_is_told_with_its_folder(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path, dirs_exist_ok=True)
    next(tmp_path.glob("fixed/1.0.0/fixed-train*")).unlink()
    assert f"{tmp_path}/fixed/1.0.0" in one_line_error("fixed", data_dir=str(tmp_path))


def test_a_damaged_file_is_told_before_anything_is_read_from_it_piece_by_piece(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", 0)
    shutil.copytree(data_dir, tmp_path, dirs_exist_ok=True)
    damage(tmp_path, lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:])
    message = one_line_error("fixed", data_dir=str(tmp_path))
    assert message.startswith("train of fixed cannot be read from")


def test_a_large_set_in_other_files_than_tfrecord_is_refused(data_dir, monkeypatch):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", 0)
    monkeypatch.setattr(tfds_images, "_has_labels", lambda *_: False)
    monkeypatch.setattr(
        tfds.core.DatasetInfo, "file_format", property(lambda info: tfds.core.file_adapters.FileFormat.RIEGELI)
    )
    assert "Received: riegeli; prepare the set as tfrecord" in one_line_error("fixed", data_dir=data_dir)


def test_files_that_tensorflow_datasets_cannot_read_itself_are_refused(data_dir, monkeypatch):
    monkeypatch.setattr(
        tfds.core.DatasetInfo, "file_format", property(lambda info: tfds.core.file_adapters.FileFormat.ARRAY_RECORD)
    )
    message = one_line_error("fixed", data_dir=data_dir)
    assert message.startswith(
        f"test of fixed cannot be read from {data_dir}/fixed/1.0.0, whose files are of the format"
    )
    assert "array_record" in message
    assert message.endswith("; prepare the set as tfrecord")


def test_damaged_files_of_images_that_differ_in_size_are_told(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path, dirs_exist_ok=True)
    file = next(tmp_path.glob("varying/1.0.0/varying-train*"))
    file.write_bytes(file.read_bytes()[:-20])
    assert one_line_error("varying", data_dir=str(tmp_path)).startswith("train of varying cannot be read from")


@pytest.mark.parametrize("limit", [2**30, 0], ids=["pixels", "encoded"])
def test_more_images_than_the_description_says_are_told(data_dir, tmp_path, monkeypatch, limit):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", limit)
    shutil.copytree(data_dir, tmp_path, dirs_exist_ok=True)
    damage(tmp_path, lambda content: content * 2)
    message = one_line_error("fixed", data_dir=str(tmp_path))
    assert f"{tmp_path}/fixed/1.0.0" in message
    assert message.endswith("prepare the set again")


def test_images_are_counted_after_a_download_that_was_asked_for(data_dir, monkeypatch):
    def prepare_as_if_downloaded(builder, **kwargs):
        raise ConnectionError("asked for")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", prepare_as_if_downloaded)
    with pytest.raises(DatasetError, match="is not prepared in"):
        tfds_images.count_tfds_images("mnist", data_dir)
    with pytest.raises(DatasetError, match=r"could not be downloaded and prepared .* asked for"):
        tfds_images.count_tfds_images("mnist", data_dir, download=True)
    assert tfds_images.count_tfds_images("fixed", data_dir, download=True) == 10


def test_crops_are_cut_out_of_the_images_in_the_files_and_tests_are_their_middle(data_dir):
    dataset = load_tfds_images("varying", data_dir=data_dir, image_size=(4, 3), resize_side=7, keep_originals=True)
    draws = draw_crops(2, tf.constant([3, 4]))
    expected = [crop_image(picture(1, 9, 5), draws[0], (4, 3)), crop_image(picture(2, 3, 8), draws[1], (4, 3))]
    np.testing.assert_array_equal(dataset.train.load_crops(tf.constant([0, 1]), draws), expected)
    # The images are already 7x7 pixels: the crop begins at half of 3 and of 4 pixels, with 1.5 rounded to even.
    np.testing.assert_array_equal(pixels(dataset.test)[0], picture(4, 7, 7)[2:6, 2:5])
    np.testing.assert_array_equal(pixels(dataset.train)[0], fit_images(picture(1, 9, 5), (4, 3), 7))


@pytest.fixture
def no_network(monkeypatch):
    """Fails if a socket is opened, or TensorFlow's own way to cloud storage is used."""

    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("exists", "is_dataset_on_gcs", "download_gcs_dataset"):
        monkeypatch.setattr(tfds.core.utils.gcs_utils, name, refuse)


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar11", "imagenet2012", "cifar10/nonsense", "no:such"])
def test_a_set_that_is_not_there_never_asks_the_network(name, data_dir, no_network):
    one_line_error(name, data_dir=data_dir)


def test_a_set_that_is_there_never_asks_the_network(data_dir, no_network):
    for download in (False, True):
        assert len(load_tfds_images("fixed", data_dir=data_dir, download=download).train) == 10


@pytest.mark.parametrize("name", ["~no_such_user/images", "x" * 5000])
def test_a_name_that_cannot_be_a_folder_either_is_refused(name, data_dir):
    assert "unknown data set" in one_line_error(name, data_dir=data_dir)


@pytest.mark.parametrize(
    ("features", "received"),
    [
        ({"image": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}, "image (Text)"),
        ({"text": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}, "text (Text)"),
        (
            {
                "image": tfds.features.Image(shape=(4, 6, 1), dtype=np.uint16),
                "label": tfds.features.ClassLabel(num_classes=2),
            },
            "8-bit Image",
        ),
        ({"image": tfds.features.Image()}, "image (Image)"),
        (
            {
                "image": tfds.features.Image(),
                "label": tfds.features.Sequence(tfds.features.ClassLabel(num_classes=2)),
            },
            "several labels for an image is not supported",
        ),
        (
            {"image": tfds.features.Image(), "label": tfds.features.Scalar(np.float32)},
            "regression, to labels that are not whole numbers, is not supported",
        ),
        (
            {"image": tfds.features.Image(), "segmentation_mask": tfds.features.Image()},
            "segmentation, with a mask for an image, is not supported",
        ),
        ({"image": tfds.features.Image(), "label": tfds.features.ClassLabel(num_classes=1)}, "Received: 1 classes"),
        ({"image": tfds.features.Image(), "label": tfds.features.ClassLabel()}, "Received: None classes"),
    ],
    ids=["text", "no image", "16 bits", "no label", "many labels", "fractions", "masks", "one class", "no classes"],
)
def test_features_that_are_not_of_image_classification_are_named(features, received, monkeypatch):
    info = types.SimpleNamespace(features=tfds.features.FeaturesDict(features), splits={"train": None})
    builder = types.SimpleNamespace(info=info, is_prepared=lambda: True)
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir=None: builder)
    message = one_line_error("some_set")
    assert received in message
    assert "some_set" in message


def test_features_that_are_no_dictionary_are_named(monkeypatch):
    info = types.SimpleNamespace(features=tfds.features.Text(), splits={"train": None})
    builder = types.SimpleNamespace(info=info, is_prepared=lambda: True)
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir=None: builder)
    assert "Received: Text" in one_line_error("some_set")


@pytest.mark.parametrize("limit", [2**30, 0], ids=["pixels", "encoded"])
def test_images_of_one_size_are_resized_where_asked_to(data_dir, monkeypatch, limit):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", limit)
    dataset = load_tfds_images("fixed", data_dir=data_dir, image_size=(9, 5))
    assert dataset.image_shape == (9, 5, 3)
    np.testing.assert_array_equal(pixels(dataset.train)[3], resize_images(picture(3), (9, 5)))


def test_the_order_does_not_depend_on_the_run(data_dir):
    first, second = (load_tfds_images("grey", data_dir=data_dir) for _ in range(2))
    np.testing.assert_array_equal(pixels(first.train), pixels(second.train))
    np.testing.assert_array_equal(first.train.labels, second.train.labels)


CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture(scope="module")
def cifar10(tfds_data_dir):
    return load_tfds_images("cifar10", data_dir=tfds_data_dir)


def test_cifar10(cifar10, tfds_data_dir):
    assert (len(cifar10.train), len(cifar10.test), cifar10.num_classes) == (50_000, 10_000, 10)
    assert cifar10.image_shape == (32, 32, 3)
    # If the prepared folder lacks the file of names, TensorFlow Datasets numbers the classes.
    is_named = any((Path(tfds_data_dir) / "cifar10").glob("*/label.labels.txt"))
    assert cifar10.class_names == (CIFAR10_CLASSES if is_named else tuple("0123456789"))
    assert np.bincount(cifar10.train.labels).tolist() == [5000] * 10
    assert np.bincount(cifar10.test.labels).tolist() == [1000] * 10


def test_cifar10_images_are_those_that_tensorflow_datasets_reads(cifar10, tfds_data_dir):
    builder = tfds.builder("cifar10", data_dir=tfds_data_dir)
    for split, part in ((cifar10.train, "train[:5]"), (cifar10.test, "test[:5]")):
        images, labels = zip(*builder.as_dataset(split=part, as_supervised=True).as_numpy_iterator(), strict=True)
        np.testing.assert_array_equal(split.load_batch(tf.range(5, dtype=tf.int64)), np.stack(images))
        assert split.labels[:5].tolist() == [int(label) for label in labels]


def test_cifar10_statistics_and_search_batches(cifar10):
    mean, deviation = channel_statistics(cifar10.train)
    # Those of the original images are 125.3, 123.0, 113.9 and 63.0, 62.1, 66.7; these are 10,000 of them, as JPEG.
    np.testing.assert_allclose(mean, [125.3, 123.0, 113.9], atol=2)
    np.testing.assert_allclose(deviation, [63.0, 62.1, 66.7], atol=2)
    halves = class_balanced_halves(cifar10.train.labels, 0)
    assert [np.bincount(cifar10.train.labels[half]).tolist() for half in halves] == [[2500] * 10] * 2
    plain = Preprocessing(np.zeros(3, np.float32), np.ones(3, np.float32))
    batches = SearchBatches(cifar10.train, halves, plain, batch_size=64, seed=0).epoch(1, first_step=388)
    pairs = list(batches)
    # 25,000 images make 390 batches of 64.
    assert len(pairs) == 2
    for position, pair in enumerate(pairs):
        for half, stream, (images, labels) in zip(halves, ("weight half", "architecture half"), pair, strict=True):
            start = (388 + position) * 64
            indices = half[epoch_order(25_000, 0, stream, 1)[start : start + 64]]
            np.testing.assert_array_equal(images, cifar10.train.load_batch(tf.constant(indices)))
            np.testing.assert_array_equal(labels, cifar10.train.labels[indices])


def test_imagenet_photographs_of_many_sizes_are_resized(tfds_data_dir):
    if not (Path(tfds_data_dir) / "imagenet2012").is_dir():
        pytest.skip(f"no imagenet2012 in TFDS_DATA_DIR={tfds_data_dir}")
    dataset = load_tfds_images("imagenet2012", data_dir=tfds_data_dir, image_size=(32, 40))
    assert dataset.image_shape == (32, 40, 3)
    assert dataset.num_classes == 1000
    assert dataset.class_names[:2] == ("n01440764", "n01443537")
    builder = tfds.builder("imagenet2012", data_dir=tfds_data_dir)
    # The set has no test part, so its validation part is the test part.
    assert len(dataset.train) == builder.info.splits["train"].num_examples
    assert len(dataset.test) == builder.info.splits["validation"].num_examples
    images, labels = zip(
        *builder.as_dataset(split="validation[:2]", as_supervised=True).as_numpy_iterator(), strict=True
    )
    assert images[0].shape != (32, 40, 3)
    assert dataset.test.labels[:2].tolist() == [int(label) for label in labels]
    np.testing.assert_array_equal(pixels(dataset.test)[:2], [resize_images(image, (32, 40)) for image in images])
    assert "--image_size=H,W" in one_line_error("imagenet2012", data_dir=tfds_data_dir)
