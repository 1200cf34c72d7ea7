"""Labels other than one class for each image, and the message that says what to do about them."""

from typing import Any

import numpy as np

from eoinas_tf.errors import DatasetError

SEVERAL_LABELS = "several labels for an image"
REGRESSION = "regression, to labels that are not whole numbers,"
SEGMENTATION = "segmentation, with a mask for an image,"
DETECTION = "detection, with boxes in an image,"


def other_task_error(task: str, received: str) -> DatasetError:
    """Returns the error for images of a task other than classification.

    Args:
        task: The task, one of the above.
        received: The evidence for the task.
    """
    return DatasetError(
        f"{task} is not supported: one class per image is predicted; for another task build the network without its "
        "classifier, eoinas_tf.build_model(genotype, input_shape, include_top=False), and train it "
        f"with Keras. Received: {received}"
    )


def refuse_other_tasks(labels: np.ndarray, name: str) -> None:
    """Refuses labels of other tasks; all other labels are left to the caller.

    Args:
        labels: The user's labels.
        name: Their name in messages.

    Raises:
        DatasetError: They are several labels per image, fractions, or masks.
    """
    received = f"{name} of shape {labels.shape} and type {labels.dtype}"
    if labels.ndim >= 3:
        raise other_task_error(SEGMENTATION, received)
    if labels.dtype == object and any(_holds_several(label) for label in labels.ravel().tolist()):
        raise other_task_error(SEVERAL_LABELS, received)
    if labels.ndim == 2 and labels.shape[1] > 1 and not _is_one_hot(labels):
        task = REGRESSION if _holds_fractions(labels) else SEVERAL_LABELS
        raise other_task_error(task, received)
    if _holds_fractions(labels):
        raise other_task_error(REGRESSION, f"{received}, such as {labels.ravel()[_first_fraction(labels)]:g}")


def task_of_features(features: dict[str, Any]) -> str | None:
    """Returns the other task that a TensorFlow Datasets set is for, by its features; None if they indicate none.

    Args:
        features: Its features by name.
    """
    import tensorflow_datasets as tfds

    kinds = tfds.features
    label = features.get("label", features.get("labels"))
    if isinstance(label, (kinds.Sequence, kinds.FeaturesDict)):
        return SEVERAL_LABELS
    if isinstance(label, kinds.Tensor) and not isinstance(label, (kinds.ClassLabel, kinds.Image, kinds.Text)):
        if label.shape and label.shape != (1,):
            return SEVERAL_LABELS
        if np.issubdtype(label.np_dtype, np.floating):
            return REGRESSION
    if isinstance(label, kinds.Image) or any("mask" in name or "segmentation" in name for name in features):
        return SEGMENTATION
    if any(name in features for name in ("objects", "bbox", "bboxes", "faces")):
        return DETECTION
    if isinstance(features.get("attributes"), kinds.FeaturesDict):
        return SEVERAL_LABELS
    return None


def _holds_several(label: Any) -> bool:
    return isinstance(label, (list, tuple, set)) or (isinstance(label, np.ndarray) and label.ndim > 0)


def _is_one_hot(labels: np.ndarray) -> bool:
    is_number = np.issubdtype(labels.dtype, np.number) or labels.dtype == bool
    return is_number and bool(np.all(np.isin(labels, (0, 1))) and np.all(labels.sum(axis=1) == 1))


def _holds_fractions(labels: np.ndarray) -> bool:
    return np.issubdtype(labels.dtype, np.floating) and not np.array_equal(labels, np.floor(labels))


def _first_fraction(labels: np.ndarray) -> int:
    flat = labels.ravel()
    return int(np.argmax(flat != np.floor(flat)))
