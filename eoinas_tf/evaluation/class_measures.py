"""Measures of a test that weight every class equally, however many images it has; scikit-learn computes them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from eoinas_tf.evaluation.predictions import Predictions

# Classes are uneven if the largest has more than this many times the images of the smallest.
UNEVEN_RATIO = 1.5


class ClassMeasures(NamedTuple):
    """Measures of a test by class.

    Args:
        balanced_accuracy: Mean recall of the classes that have test images, a fraction.
        macro_f1: Mean F1 of the classes that occur among the labels or the predictions, a fraction.
        recall: By class name, the fraction of its test images that were classified correctly; None without images.
    """

    balanced_accuracy: float
    macro_f1: float
    recall: dict[str, float | None]

    def summary(self) -> dict[str, Any]:
        """Returns the measures under their names in summary.json."""
        return {
            "test_balanced_accuracy": self.balanced_accuracy,
            "test_macro_f1": self.macro_f1,
            "test_recall_by_class": self.recall,
        }


def class_measures(predictions: Predictions, class_names: Sequence[str]) -> ClassMeasures:
    """Returns the measures of a test.

    Args:
        predictions: A network's predictions.
        class_names: A name for each class.
    """
    from sklearn.metrics import f1_score, recall_score  # Here, so that no start waits for it.

    labels, predicted = predictions.labels, predictions.predicted
    tested = np.unique(labels)
    recall = recall_score(labels, predicted, labels=tested, average=None, zero_division=0.0)
    by_class = dict(zip(tested.tolist(), recall.tolist(), strict=True))
    return ClassMeasures(
        float(np.mean(recall)),
        float(f1_score(labels, predicted, average="macro", zero_division=0.0)),
        {name: by_class.get(number) for number, name in enumerate(class_names)},
    )


def are_uneven(labels: np.ndarray) -> bool:
    """Tells whether some classes have far more images than others.

    Args:
        labels: Classes of the images, int [n].
    """
    counts = np.bincount(labels)
    counts = counts[counts > 0]
    return bool(counts.max() > UNEVEN_RATIO * counts.min())
