import json

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data.dataset_fingerprint import dataset_digest, dataset_fingerprint, file_digest, pixel_digests
from eoinas_tf.data.image_datasets import load_image_dataset
from eoinas_tf.data.image_split import DECODED_BYTES_LIMIT, ImageDataset, ImageSplit


@pytest.fixture
def folder(tmp_path):
    for part, count in (("train", 3), ("test", 2)):
        for label, name in enumerate(("ant", "bee")):
            for number in range(count):
                path = tmp_path / "images" / part / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(tf.io.encode_png(np.full((4, 4, 3), 100 * label + number, np.uint8)).numpy())
    return tmp_path / "images"


def of(folder, **settings):
    return dataset_fingerprint(load_image_dataset(f"folder:{folder}", **settings))


def test_a_folder_s_fingerprint_has_its_classes_and_counts(folder):
    fingerprint = of(folder)
    assert json.loads(json.dumps(fingerprint)) == fingerprint
    assert fingerprint["class_names"] == ["ant", "bee"]
    assert fingerprint["source"] == {"test part": "test"}
    assert [part["images"] for part in fingerprint["parts"].values()] == [6, 4]
    assert fingerprint["parts"]["train"]["images_by_class"] == [3, 3]


def test_where_a_folder_lies_and_how_its_images_are_used_is_no_part_of_it(folder):
    fingerprint = of(folder)
    assert of(folder, image_size=(8, 8), keep_originals=True) == fingerprint
    assert of(folder.rename(folder.with_name("moved"))) == fingerprint


def test_images_that_do_not_fit_into_memory_have_the_same_fingerprint(folder, monkeypatch):
    fingerprint = of(folder)
    monkeypatch.setattr("eoinas_tf.data.image_split.DECODED_BYTES_LIMIT", 10)
    assert DECODED_BYTES_LIMIT > 10
    assert of(folder) == fingerprint


@pytest.mark.parametrize("what", ["content", "name", "exchange", "fewer", "held out"])
def test_any_change_of_the_images_changes_it(folder, what):
    before = of(folder), dataset_digest(load_image_dataset(f"folder:{folder}"))
    path, other = folder / "train" / "ant" / "1.png", folder / "train" / "bee" / "1.png"
    if what == "content":
        path.write_bytes(path.read_bytes() + b"1")  # This does not change the decoded pixels.
    elif what == "name":
        path.rename(path.with_name("1b.png"))
    elif what == "exchange":
        path.rename(folder / "moving.png")
        other.rename(path)
        (folder / "moving.png").rename(other)
    elif what == "fewer":
        path.unlink()
    else:
        (folder / "test").rename(folder.with_name("test"))
    after = of(folder), dataset_digest(load_image_dataset(f"folder:{folder}"))
    assert after[0] != before[0]
    assert after[1] != before[1]


def test_digits_have_one_too():
    fingerprint = dataset_fingerprint(load_image_dataset("digits"))
    assert fingerprint["source"] == {"test part": "a fifth of train"}
    assert sum(fingerprint["parts"]["test"]["images_by_class"]) == 359
    assert dataset_fingerprint(load_image_dataset("digits", image_size=(16, 16))) == fingerprint


def test_the_order_of_images_counts():
    images = np.arange(3 * 16, dtype=np.uint8).reshape(3, 4, 4, 1)
    digests = pixel_digests(images)
    assert len(set(digests.tolist())) == 3

    def of_order(order):
        split = ImageSplit.from_pixels(images[order], np.zeros(3), digests[order])
        return dataset_fingerprint(ImageDataset("three", ("a", "b"), (4, 4, 1), split, split))

    assert of_order([0, 1, 2]) != of_order([1, 0, 2])


def test_a_name_cannot_pass_for_content():
    assert file_digest("ab", b"c") != file_digest("a", b"bc")
    # Other versions must give this digest too: run folders contain it.
    assert file_digest("0.png", b"content") == 1746054842136642436
