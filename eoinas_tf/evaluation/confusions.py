"""Which classes a network confuses: the confusion matrix and what is read from it."""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eoinas_tf.evaluation.predictions import Predictions

TABLE_COLUMNS = ("class", "images", "correct", "accuracy", "most_often_taken_for", "times")


class Confusion(NamedTuple):
    """One class mistaken for another.

    Args:
        true_class: The right class.
        predicted_class: The class that was predicted instead.
        times: Number of images confused this way.
        class_images: Images of the right class.
        positions: Positions of these images in the test set, the most confident mistakes first.
    """

    true_class: int
    predicted_class: int
    times: int
    class_images: int
    positions: tuple[int, ...]


def confusion_matrix(predictions: Predictions) -> np.ndarray:
    """Counts the images of each true class by predicted class.

    Args:
        predictions: A network's predictions.

    Returns:
        int64 [classes, classes]: the true class by row, the predicted one by column.
    """
    classes = predictions.num_classes
    cells = predictions.labels.astype(np.int64) * classes + predictions.predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def worst_confusions(predictions: Predictions, pairs: int, positions: int) -> list[Confusion]:
    """Returns the pairs of classes that were confused most often; ties: the smaller class first.

    Args:
        predictions: A network's predictions.
        pairs: Most pairs to return.
        positions: Most images to return for each.
    """
    matrix = confusion_matrix(predictions)
    mistakes = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:pairs]
    found = []
    for true_class, predicted_class in zip(*np.unravel_index(order, matrix.shape), strict=True):
        times = int(mistakes[true_class, predicted_class])
        if times:
            is_one = (predictions.labels == true_class) & (predictions.predicted == predicted_class)
            (where,) = np.nonzero(is_one)
            confident = where[np.argsort(-predictions.probabilities[where], kind="stable")][:positions]
            class_images = int(matrix[true_class].sum())
            found.append(
                Confusion(int(true_class), int(predicted_class), times, class_images, tuple(confident.tolist()))
            )
    return found


def class_accuracy_table(matrix: np.ndarray, class_names: Sequence[str]) -> str:
    """Returns one class per line as comma-separated values, with the class that it is most often mistaken for.

    Args:
        matrix: The result of `confusion_matrix`.
        class_names: A name for each class.

    Returns:
        The table under `TABLE_COLUMNS`; missing values, such as the accuracy of a class without test images, are left
        empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TABLE_COLUMNS)
    for position, name in enumerate(class_names):
        images, correct = int(matrix[position].sum()), int(matrix[position, position])
        mistakes = matrix[position].copy()
        mistakes[position] = 0
        times = int(mistakes.max())
        writer.writerow(
            [
                name,
                images,
                correct,
                correct / images if images else "",
                class_names[int(mistakes.argmax())] if times else "",
                times,
            ]
        )
    return text.getvalue()
