import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data.dataset_fingerprint import dataset_fingerprint
from eoinas_tf.data.image_arrays import images_from_arrays, pixels_of
from eoinas_tf.data.image_datasets import load_image_dataset
from eoinas_tf.data.split_indices import held_out_fifth
from eoinas_tf.errors import DatasetError

IMAGES = np.arange(10 * 4 * 5, dtype=np.uint8).reshape(10, 4, 5)
LABELS = np.arange(10) % 2


def pixels(split):
    return split.load_batch(tf.range(len(split), dtype=tf.int64)).numpy()


def test_a_class_balanced_fifth_is_held_out():
    dataset = images_from_arrays(IMAGES, LABELS)
    kept, held_out = held_out_fifth(LABELS)
    assert (dataset.name, dataset.image_shape, dataset.class_names) == ("arrays", (4, 5, 1), ("0", "1"))
    np.testing.assert_array_equal(pixels(dataset.train), IMAGES[kept][..., None])
    np.testing.assert_array_equal(pixels(dataset.test), IMAGES[held_out][..., None])
    np.testing.assert_array_equal(dataset.test.labels, LABELS[held_out])


def test_a_test_part_of_ones_own_names_and_sizes():
    dataset = images_from_arrays(
        IMAGES, LABELS[:, None], test=(IMAGES[:3, :2], LABELS[:3]), class_names=("cat", "dog"), image_size=(6, 6)
    )
    assert (dataset.image_shape, dataset.class_names) == ((6, 6, 1), ("cat", "dog"))
    assert (len(dataset.train), len(dataset.test)) == (10, 3)
    assert pixels(dataset.test).shape == (3, 6, 6, 1)


def test_texts_are_numbered_in_their_order():
    names = np.array(["dog", "cat"])[LABELS]
    dataset = images_from_arrays(IMAGES, names, test=(IMAGES, names.tolist()))
    assert dataset.class_names == ("cat", "dog")
    np.testing.assert_array_equal(dataset.train.labels, 1 - LABELS)
    np.testing.assert_array_equal(dataset.test.labels, 1 - LABELS)


def test_texts_may_be_bytes():
    names = np.array(["dög", "cat"])[LABELS]
    encoded = np.char.encode(names, "utf-8")
    for given in (encoded, encoded.astype(object), encoded.tolist()):
        dataset = images_from_arrays(IMAGES, given, test=(IMAGES, names))
        assert dataset.class_names == ("cat", "dög")
        np.testing.assert_array_equal(dataset.train.labels, 1 - LABELS)


def test_the_fingerprint_tells_of_a_changed_pixel():
    changed = IMAGES.copy()
    changed[3, 0, 0] ^= 1
    before = dataset_fingerprint(images_from_arrays(IMAGES, LABELS))
    assert dataset_fingerprint(images_from_arrays(IMAGES.astype(np.float32), LABELS)) == before
    assert dataset_fingerprint(images_from_arrays(changed, LABELS)) != before


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES / 255, "whole numbers from 0 to 255; of values from 0 to 1 make"),
        (IMAGES.astype(int) - 1, "whole numbers.* Received: int64 from -1"),
        (np.full((2, 4, 4), np.nan), "whole numbers"),
        (IMAGES[0], "must be images"),
        (np.zeros((2, 4, 4, 2), np.uint8), "must be images"),
        ([np.zeros((4, 4)), np.zeros((4, 5))], "images of one shape. Received: 2 images of several shapes"),
        (np.array([[["a"]]]), "whole numbers from 0 to 255. Received: type <U1"),
    ],
)
def test_what_are_no_images_is_refused(images, message):
    with pytest.raises(DatasetError, match=message):
        pixels_of(images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": LABELS[:3]}, "of one length. Received: 10 and 3"),
        ({"labels": np.eye(2)[LABELS]}, "argmax"),
        ({"labels": LABELS - 1}, "class indices from 0. Received: -1"),
        ({"labels": LABELS / 2}, r"regression, .* is not supported.*include_top=False.* such as 0\.5$"),
        ({"labels": LABELS * 1.0}, "integers or texts"),
        ({"labels": np.zeros((10, 2, 2), int)}, r"segmentation, .* is not supported.*include_top=False"),
        ({"labels": [[0, 1]] * 10}, "argmax"),
        ({"labels": [[1, 1]] * 10}, r"several labels for an image is not supported.*include_top=False"),
        ({"labels": [[0]] * 9 + [[0, 1]]}, r"several labels for an image is not supported.*include_top=False"),
        ({"test": (IMAGES, LABELS / 2)}, r"regression, .* Received: the test y of shape"),
        ({"labels": np.array([b"a", b"\xff"])[LABELS]}, "y must hold UTF-8 texts"),
        ({"labels": LABELS * 0}, "two classes or more"),
        (
            {"labels": LABELS + 1},
            r"has no image of class 0; give texts, such as np.asarray.y..astype.str., .* Received: 1, 2$",
        ),
        ({"labels": LABELS * 100_000_000}, r"has no image of class 1; .* Received: 0, 100000000$"),
        ({"labels": LABELS * 2}, "has no image of class 1"),
        ({"images": IMAGES + 0.25}, r"of fractions make x.round\(\). Received: float64 from 0.25 to"),
        ({"images": IMAGES / 255}, r"of values from 0 to 1 make \(255 \* x\).round"),
        (
            {"test": (np.stack([IMAGES] * 3, axis=-1), LABELS), "image_size": (6, 6)},
            "another number of channels",
        ),
        ({"class_names": ("cat", "cat")}, "class_names must differ from each other. Received: 'cat' more than once"),
        ({"class_names": ("cat",)}, "needs 2 names, one for each class. Received: 1"),
        ({"test": (IMAGES[:, :2], LABELS)}, "another shape"),
        ({"test": (IMAGES, LABELS.astype(str))}, "texts in both parts"),
        (
            {"labels": LABELS.astype(str), "test": (IMAGES, ["0"] * 9 + ["9"])},
            "a class that is not known: '9'; known: 0, 1",
        ),
    ],
)
def test_what_are_no_labels_is_refused(arguments, message):
    with pytest.raises(DatasetError, match=message):
        images_from_arrays(**{"images": IMAGES, "labels": LABELS, **arguments})


def test_a_class_may_be_empty_if_all_have_names_or_one_part_has_it():
    names = ("a", "b", "c")
    assert images_from_arrays(IMAGES, LABELS * 2, class_names=names).class_names == names
    test = (IMAGES, np.full(len(IMAGES), 1))
    assert images_from_arrays(IMAGES, LABELS * 2, test=test).class_names == ("0", "1", "2")


def test_the_advice_for_gaps_keeps_the_classes_of_both_parts():
    years = 2020 + np.arange(10) % 3
    test = (IMAGES[:2], np.array([2020, 2022]).astype(str))
    dataset = images_from_arrays(IMAGES, years.astype(str), test=test)
    assert dataset.class_names == ("2020", "2021", "2022")
    assert dataset.test.labels.tolist() == [0, 2]
    names = [str(number) for number in range(2023)]
    assert images_from_arrays(IMAGES, years, class_names=names).num_classes == 2023


def test_a_command_is_told_that_the_images_are_in_python():
    with pytest.raises(DatasetError, match="continue the run with the same call"):
        load_image_dataset("arrays")
