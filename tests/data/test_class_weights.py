import json

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from eoinas_tf.data.class_weights import class_weights, loss_factors
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.errors import ConfigurationError

# Six cats, three dogs, one owl.
LABELS = np.array([0, 0, 1, 0, 2, 0, 1, 0, 0, 1])
NAMES = ("cat", "dog", "owl")


def dataset(labels=LABELS, names=NAMES):
    split = ImageSplit.from_pixels(np.zeros((len(labels), 2, 2, 1), np.uint8), labels)
    return ImageDataset("animals", names, (2, 2, 1), split, split)


def write(folder, content):
    path = folder / "weights.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_without_the_setting_nothing_is_weighted():
    assert class_weights(None, dataset()) is None
    assert loss_factors(None, dataset()) is None


def test_balanced_weights_by_hand_and_as_in_scikit_learn():
    weights = class_weights("balanced", dataset())
    assert weights == pytest.approx({"cat": 10 / 18, "dog": 10 / 9, "owl": 10 / 3})
    np.testing.assert_allclose(
        list(weights.values()), compute_class_weight("balanced", classes=np.arange(3), y=LABELS), rtol=1e-12
    )
    # Their mean over the images is 1: 6 * 5/9 + 3 * 10/9 + 10/3 = 10.
    np.testing.assert_allclose(loss_factors(weights, dataset()), [5 / 9, 10 / 9, 10 / 3], rtol=1e-6)


def test_a_class_without_training_images_counts_for_nothing():
    weights = class_weights("balanced", dataset(names=(*NAMES, "yak")))
    assert weights == pytest.approx({"cat": 10 / 18, "dog": 10 / 9, "owl": 10 / 3, "yak": 0.0})


def test_weights_of_a_file_are_taken_by_name_and_their_scale_counts_for_nothing(tmp_path):
    weights = class_weights(write(tmp_path, {"owl": 8, "cat": 1, "dog": 2.5}), dataset())
    assert list(weights.items()) == [("cat", 1.0), ("dog", 2.5), ("owl", 8.0)]
    # Mean over the images: (6 * 1 + 3 * 2.5 + 8) / 10 = 2.15.
    factors = loss_factors(weights, dataset())
    np.testing.assert_allclose(factors, [1 / 2.15, 2.5 / 2.15, 8 / 2.15], rtol=1e-6)
    assert factors.dtype == np.float32
    larger = class_weights(write(tmp_path, {"owl": 800, "cat": 100, "dog": 250}), dataset())
    np.testing.assert_allclose(loss_factors(larger, dataset()), factors, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"cat": 1, "dog": 1}, "lacks a weight for: 'owl'"),
        ({"cat": 1, "dog": 1, "owl": 1, "cow": 1}, "names classes that the data set does not have: 'cow'"),
        ({"cat": 1, "dog": 0, "owl": 1}, "weight of 'dog' must be a positive number. Received: 0"),
        ({"cat": 1, "dog": "2", "owl": 1}, "weight of 'dog' must be a positive number. Received: '2'"),
        ({"cat": 1, "dog": True, "owl": 1}, "weight of 'dog' must be a positive number. Received: True"),
        ({"cat": 1, "dog": 1, "owl": float("nan")}, "weight of 'owl' must be a positive number. Received: nan"),
        ([1, 2, 3], "one JSON object of class names and weights. Received: list"),
        ("{", "cannot be read: "),
        ('{"cat": 1, "dog": 1, "owl": 1, "cat": 2}', "'cat' appears twice"),
    ],
)
def test_what_are_no_weights_of_the_classes_is_refused_in_one_line(tmp_path, content, message):
    with pytest.raises(ConfigurationError) as error:
        class_weights(write(tmp_path, content), dataset())
    assert str(error.value).startswith("--class_weights")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match=r"balanced or a JSON file .* Received: balance, .*No such file"):
        class_weights("balance", dataset())
