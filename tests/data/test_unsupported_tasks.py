import numpy as np
import pytest
import tensorflow_datasets as tfds

from eoinas_tf.data.unsupported_tasks import (
    DETECTION,
    REGRESSION,
    SEGMENTATION,
    SEVERAL_LABELS,
    other_task_error,
    refuse_other_tasks,
    task_of_features,
)
from eoinas_tf.errors import DatasetError


def test_the_line_names_the_task_and_the_backbone():
    message = str(other_task_error(SEGMENTATION, "masks of 4x4"))
    assert message.startswith("segmentation, with a mask for an image, is not supported: ")
    assert "eoinas_tf.build_model(genotype, input_shape, include_top=False)" in message
    assert message.endswith("Received: masks of 4x4")
    assert "\n" not in message


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 1, 2]),
        np.array([[0], [1]]),
        np.array(["cat", "dog"]),
        np.array(["cat", "dog"], object),
        np.eye(3),
        np.eye(3, dtype=bool),
        np.array([0.0, 1.0]),
    ],
)
def test_classes_are_left_to_others(labels):
    refuse_other_tasks(labels, "y")


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (np.array([[1, 1, 0], [0, 1, 0]]), SEVERAL_LABELS),
        (np.array([[0, 0], [0, 1]]), SEVERAL_LABELS),
        (np.array([["cat", "dog"], ["cat", "owl"]]), SEVERAL_LABELS),
        (np.array([[0, 3], [2, 1]]), SEVERAL_LABELS),
        (np.array([[1], [1, 2]], object), SEVERAL_LABELS),
        (np.array([0.5, 1.0]), REGRESSION),
        (np.array([[0.5], [1.0]]), REGRESSION),
        (np.array([[0.5, 0.25], [1.0, 2.0]]), REGRESSION),
        (np.zeros((2, 4, 4), int), SEGMENTATION),
        (np.zeros((2, 4, 4, 1)), SEGMENTATION),
    ],
)
def test_other_labels_are_refused_by_their_task(labels, task):
    with pytest.raises(DatasetError) as error:
        refuse_other_tasks(labels, "the labels")
    assert str(error.value).startswith(f"{task} is not supported")
    assert "Received: the labels of shape" in str(error.value)


CLASS = tfds.features.ClassLabel(num_classes=3)
FEATURES = [
    ({"label": CLASS}, None),
    ({"text": tfds.features.Text()}, None),
    ({"label": tfds.features.Text()}, None),
    ({"label": tfds.features.Sequence(CLASS)}, SEVERAL_LABELS),
    ({"labels": tfds.features.Sequence(CLASS)}, SEVERAL_LABELS),
    ({"label": tfds.features.Tensor(shape=(3,), dtype=np.float32)}, SEVERAL_LABELS),
    ({"attributes": tfds.features.FeaturesDict({"bald": np.bool_, "beard": np.bool_})}, SEVERAL_LABELS),
    ({"label": tfds.features.Scalar(np.float32)}, REGRESSION),
    ({"label": tfds.features.Image(shape=(None, None, 1))}, SEGMENTATION),
    ({"segmentation_mask": tfds.features.Image(shape=(None, None, 1))}, SEGMENTATION),
    ({"objects": tfds.features.Sequence({"bbox": tfds.features.BBoxFeature()})}, DETECTION),
]


@pytest.mark.parametrize(("features", "task"), FEATURES)
def test_features_show_their_task(features, task):
    assert task_of_features({"image": tfds.features.Image(), **features}) == task
