import dataclasses

import numpy as np
import pytest

from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.data.split_indices import HELD_OUT
from eoinas_tf.training.image_rows import image_rows

SPLIT = ImageSplit.from_pixels(np.zeros((2, 8, 6, 3), np.uint8), np.array([0, 1]))


def dataset(channels=3, names=("ant", "bee"), source=None, remarks=()):
    return ImageDataset("small", names, (8, 6, channels), SPLIT, SPLIT, source or {}, remarks)


def test_size_and_classes():
    rows = image_rows(dataset())
    assert rows["image size"] == "8x6 pixels, colour"
    assert rows["classes"] == "ant, bee"
    assert image_rows(dataset(channels=1))["image size"] == "8x6 pixels, grey"


def test_validation_images_are_said():
    assert image_rows(dataset())["validation"] == ""
    rows = image_rows(dataclasses.replace(dataset(), validation=SPLIT))
    assert rows["validation"] == "drawn from the training images by the seed, class by class"


def test_of_many_classes_the_first_are_named():
    text = image_rows(dataset(names=tuple(f"class_{number}" for number in range(1000))))["classes"]
    assert text.startswith("class_0, class_1, ")
    assert text.endswith(" ...")
    assert len(text) <= 100


@pytest.mark.parametrize(
    ("source", "remarks", "tests", "found"),
    [
        ({}, (), "", ""),
        ({"test part": HELD_OUT}, (), "a fifth of each class, held out from the training images", ""),
        ({"test part": "validation"}, ("ignored x",), "validation", "ignored x"),
        ({"test part": HELD_OUT}, ("a fifth is the test part", "2 bad"), "", "a fifth is the test part; 2 bad"),
    ],
)
def test_where_the_test_images_come_from_is_said_once(source, remarks, tests, found):
    rows = image_rows(dataset(source=source, remarks=remarks))
    assert (rows["test images"], rows["found"]) == (tests, found)
