import numpy as np

from eoinas_tf.search.leading_operations import leading_operations

NAMES = ("none", "skip_connect", "sep_conv_3x3")


def test_the_highest_score_leads_and_a_shared_one_leads_nothing():
    scores = np.array([[[0.1, 0.5, 0.4], [0.5, 0.1, 0.5]], [[0.2, np.nan, 0.1], [np.nan, np.nan, np.nan]]])
    expected = [["skip_connect", ""], ["none", ""]]
    assert leading_operations(scores, NAMES).tolist() == expected


def test_a_single_operation_leads():
    assert leading_operations(np.array([np.nan, np.nan, 0.3]), NAMES) == "sep_conv_3x3"
