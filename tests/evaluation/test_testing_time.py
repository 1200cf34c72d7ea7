import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.evaluation import testing_time
from eoinas_tf.evaluation.testing_time import seconds_to_test


class Step:
    def __init__(self):
        self.tested = []

    def test_all(self, batches):
        self.tested.append([int(batch) for batch in batches])


@pytest.mark.parametrize(("count", "measured"), [(1, [0]), (2, [0, 1]), (9, [0, 1])])
def test_the_first_batches_are_measured_and_stand_for_all(monkeypatch, count, measured):
    clock = iter([10.0, 13.0])
    monkeypatch.setattr(testing_time.time, "monotonic", clock.__next__)
    step = Step()
    seconds = seconds_to_test(step, tf.data.Dataset.from_tensor_slices(np.arange(count)))
    assert step.tested == [[0], measured]
    assert seconds == pytest.approx(3.0 * count / len(measured))
