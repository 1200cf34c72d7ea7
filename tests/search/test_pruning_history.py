import numpy as np

from eoinas_tf.search.judgement import Judgement
from eoinas_tf.search.operation_statistics import OperationCounts
from eoinas_tf.search.pruning_history import drop_epochs, drop_records
from eoinas_tf.space.operation_names import OPERATION_NAMES

SHAPE = (2, 14, 8)


def records_of_one_drop():
    living = np.ones(SHAPE, bool)
    living[1, 5, 0] = False
    dropped = np.zeros(SHAPE, bool)
    dropped[1, 5, 3] = True
    dropped[0, 2, 7] = True
    architecture_steps = np.full(SHAPE, 4)
    architecture_steps[0, 2, 7] = 0
    counts = OperationCounts(np.full(SHAPE, 6), architecture_steps, np.full(SHAPE, 3.0))
    judgement = Judgement(
        operation_logits=np.zeros(SHAPE),
        living_operations=living,
        counts=counts,
        operation_weights=np.full(SHAPE, 0.125),
        training_iterations=np.full(SHAPE, 1.5),
        importance=np.full(SHAPE, 0.375),
    )
    return drop_records(40, dropped, judgement, OPERATION_NAMES)


def test_a_record_a_drop_with_everything_that_led_to_it():
    without_evidence, record = records_of_one_drop()
    assert record == {
        "epoch": 40,
        "cell": "reduce",
        "edge": 5,
        "from_node": 0,
        "to_node": 4,
        "operation": "dil_conv_3x3",
        "operation_weight": 0.125,
        "accuracy": 0.75,
        "training_iterations": 1.5,
        "importance": 0.375,
        "remaining": [
            "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_5x5", "avg_pool_3x3", "max_pool_3x3",
        ],
    }  # fmt: skip
    assert without_evidence["cell"] == "normal"
    assert without_evidence["accuracy"] is None


def test_records_give_back_the_epochs_of_the_drops():
    epochs = drop_epochs(records_of_one_drop(), OPERATION_NAMES)
    expected = np.zeros(SHAPE)
    expected[1, 5, 3] = 40
    expected[0, 2, 7] = 40
    np.testing.assert_array_equal(epochs, expected)
