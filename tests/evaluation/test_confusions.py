import csv
import io

import numpy as np
import pytest

from eoinas_tf.evaluation.confusions import class_accuracy_table, confusion_matrix, worst_confusions
from eoinas_tf.evaluation.predictions import Predictions

#                  position 0  1  2  3  4  5  6  7
LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2], np.int32)
PREDICTED = np.array([0, 1, 1, 1, 1, 0, 1, 2], np.int32)
PROBABILITIES = np.array([0.9, 0.5, 0.8, 0.6, 0.9, 0.7, 0.4, 0.9], np.float32)


def predictions(classes=4):
    ranked = np.stack([PREDICTED, PREDICTED], axis=1)
    return Predictions(LABELS, ranked, PROBABILITIES, np.zeros(8, np.float32), classes)


def test_rows_are_the_right_classes():
    np.testing.assert_array_equal(
        confusion_matrix(predictions()), [[1, 3, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    )


def test_the_worst_pairs_come_first_with_their_most_confident_images():
    worst = worst_confusions(predictions(), pairs=10, positions=2)
    assert [(pair.true_class, pair.predicted_class, pair.times, pair.class_images) for pair in worst] == [
        (0, 1, 3, 4), (1, 0, 1, 2), (2, 1, 1, 2),
    ]  # fmt: skip
    assert [pair.positions for pair in worst] == [(2, 3), (5,), (6,)]
    assert worst_confusions(predictions(), pairs=1, positions=2) == worst[:1]


def test_the_table_has_a_line_a_class_and_gaps_where_there_are_no_images():
    table = class_accuracy_table(confusion_matrix(predictions()), ["cat", "dog, small", "owl", "unseen"])
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["class"] for row in rows] == ["cat", "dog, small", "owl", "unseen"]
    assert [(row["images"], row["correct"]) for row in rows] == [("4", "1"), ("2", "1"), ("2", "1"), ("0", "0")]
    assert [float(row["accuracy"]) for row in rows[:3]] == pytest.approx([0.25, 0.5, 0.5])
    assert rows[3]["accuracy"] == ""
    assert [(row["most_often_taken_for"], row["times"]) for row in rows] == [
        ("dog, small", "3"), ("cat", "1"), ("dog, small", "1"), ("", "0"),
    ]  # fmt: skip
