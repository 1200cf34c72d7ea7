import numpy as np
import pytest

from eoinas_tf.evaluation.class_measures import are_uneven, class_measures
from eoinas_tf.evaluation.predictions import Predictions

NAMES = ("cat", "dog", "owl", "yak")


def measures(labels, predicted):
    ranked = np.array(predicted, np.int32)[:, np.newaxis]
    ones = np.ones(len(labels), np.float32)
    return class_measures(Predictions(np.array(labels, np.int32), ranked, ones, ones, 4), NAMES)


def test_by_hand():
    # Of six cats, five are right and one is called a dog; of two dogs, one is right and one is called a cat; the owl is
    # right; there is no yak.
    found = measures([0, 0, 0, 0, 0, 0, 1, 1, 2], [0, 0, 0, 0, 0, 1, 1, 0, 2])
    assert found.recall == {"cat": pytest.approx(5 / 6), "dog": 0.5, "owl": 1.0, "yak": None}
    assert found.balanced_accuracy == pytest.approx((5 / 6 + 1 / 2 + 1) / 3)
    # F1 = 2 right / (images + predictions): 10 / 12, 2 / 4, 2 / 2.
    assert found.macro_f1 == pytest.approx((10 / 12 + 2 / 4 + 1) / 3)


def test_an_answer_without_test_images_counts_for_f1_and_warns_of_nothing(recwarn):
    found = measures([0, 0, 1], [0, 3, 1])
    assert found.balanced_accuracy == pytest.approx((1 / 2 + 1) / 2)
    # Cat 2 / 3, dog 1, yak 0.
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert not recwarn.list


def test_the_summary_names_them():
    summary = measures([0, 1], [0, 0]).summary()
    assert summary["test_balanced_accuracy"] == 0.5
    assert summary["test_macro_f1"] == pytest.approx(1 / 3)
    assert summary["test_recall_by_class"] == {"cat": 1.0, "dog": 0.0, "owl": None, "yak": None}


@pytest.mark.parametrize(("counts", "expected"), [([10, 15], False), ([10, 16], True), ([10, 0, 12], False)])
def test_uneven_is_more_than_one_and_a_half_times_as_many(counts, expected):
    assert are_uneven(np.repeat(np.arange(len(counts)), counts)) is expected
