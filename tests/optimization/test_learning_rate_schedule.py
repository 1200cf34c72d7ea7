import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.learning_rate_shapes import LEARNING_RATE_SHAPES
from eoinas_tf.optimization.learning_rate_schedule import LearningRateSchedule

FALLING = ("cosine", "linear")


def rates(*steps, **arguments):
    schedule = LearningRateSchedule(**{"schedule": "cosine", "start": 0.1, "end": 0.02, "total_steps": 100} | arguments)
    return [float(schedule(tf.constant(step, tf.int64))) for step in steps]


def test_the_cosine_by_hand():
    # A third of the way the cosine of 60 degrees is 1 / 2: three quarters of the difference are left.
    assert rates(0, 50, 100) == pytest.approx([0.1, 0.06, 0.02])
    assert rates(0, 20, 30, 40, 60, total_steps=60) == pytest.approx([0.1, 0.08, 0.06, 0.04, 0.02])


def test_the_line_by_hand():
    assert rates(0, 1, 50, 99, 100, schedule="linear", end=0.0) == pytest.approx([0.1, 0.099, 0.05, 0.001, 0.0])
    assert rates(0, 25, 100, schedule="linear") == pytest.approx([0.1, 0.08, 0.02])


def test_the_cosine_is_that_of_keras():
    theirs = keras.optimizers.schedules.CosineDecay(0.1, decay_steps=37, alpha=0.2)
    steps = range(38)
    np.testing.assert_allclose(rates(*steps, total_steps=37), [float(theirs(step)) for step in steps], rtol=1e-5)


@pytest.mark.parametrize(("start", "end", "total"), [(0.025, 0.001, 264), (0.025, 0.0, 1000), (0.1, 0.02, 37)])
def test_the_cosine_has_the_bits_of_keras(start, end, total):
    theirs = keras.optimizers.schedules.CosineDecay(start, decay_steps=total, alpha=end / start)
    expected = [float(theirs(step)) for step in range(total + 1)]
    assert rates(*range(total + 1), start=start, end=end, total_steps=total) == expected


def test_a_constant_rate_stays():
    assert rates(0, 7, 100, schedule="constant") == pytest.approx([0.1] * 3)
    assert rates(0, 1, 4, 100, schedule="constant", warmup_steps=4) == pytest.approx([0.025, 0.05, 0.1, 0.1])


@pytest.mark.parametrize("schedule", FALLING)
def test_the_warm_up_rises_to_the_start_and_the_rest_takes_the_remaining_steps(schedule):
    found = rates(0, 1, 3, 4, 8, 12, schedule=schedule, total_steps=12, warmup_steps=4)
    assert found == pytest.approx([0.025, 0.05, 0.1, 0.1, 0.06, 0.02])


def test_by_epochs_the_rate_stays_within_each_and_falls_linearly_between_them():
    # 250 epochs of 4 steps: epoch e, counted from 0, has 0.1 (1 - e / 250).
    imagenet = {"schedule": "linear", "end": 0.0, "total_steps": 1000, "steps_per_update": 4}
    assert rates(0, 3, 4, 7, 500, 503, 996, 999, **imagenet) == pytest.approx(
        [0.1] * 2 + [0.0996] * 2 + [0.05] * 2 + [0.0004] * 2, rel=1e-5
    )
    assert rates(3, **imagenet) == rates(0, **imagenet)
    assert rates(1000, **imagenet) == [0.0]


@pytest.mark.parametrize("schedule", FALLING)
def test_by_epochs_each_has_the_rate_that_as_many_steps_would_have(schedule):
    by_step = rates(*range(13), schedule=schedule, total_steps=12, warmup_steps=4)
    by_epoch = rates(*range(0, 65, 5), schedule=schedule, total_steps=60, warmup_steps=20, steps_per_update=5)
    assert by_epoch == by_step
    inside = rates(*range(4, 60, 5), schedule=schedule, total_steps=60, warmup_steps=20, steps_per_update=5)
    assert inside == by_step[:12]


@pytest.mark.parametrize("schedule", FALLING)
def test_no_step_after_the_last_goes_below_the_end(schedule):
    assert rates(101, 1000, schedule=schedule) == pytest.approx([0.02, 0.02])


def test_a_learning_rate_of_zero_stays_zero():
    assert rates(0, 5, 10, start=0.0, end=0.0, total_steps=10) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"schedule": "step"},
        {"warmup_steps": 100},
        {"warmup_steps": -1},
        {"total_steps": 0},
        {"steps_per_update": 0},
        {"steps_per_update": 3},
        {"steps_per_update": 10, "warmup_steps": 5},
    ],
)
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="Received: "):
        rates(0, **arguments)


@pytest.mark.parametrize(
    ("config", "name"), [(EvaluationConfig, "learning_rate_schedule"), (SearchConfig, "weights_learning_rate_schedule")]
)
def test_search_and_final_training_know_all_shapes(config, name):
    assert config.__dataclass_fields__[name].metadata["choices"] == tuple(LEARNING_RATE_SHAPES)


def test_an_optimizer_with_it_can_be_saved_and_made_again():
    schedule = LearningRateSchedule("linear", 0.1, 0.0, total_steps=10, warmup_steps=2, steps_per_update=2)
    optimizer = keras.optimizers.SGD(schedule)
    again = keras.optimizers.SGD.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    # The first of five updates, and all of the warm-up.
    assert float(again.learning_rate) == pytest.approx(0.1)
