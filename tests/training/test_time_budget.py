"""Epochs by a time budget, against figures worked out by hand."""

import dataclasses

import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.training import time_budget
from eoinas_tf.training.time_budget import ChosenEpochs, EpochCost, RunCost, epoch_cost, epochs_that_fit, fewest_epochs


def test_two_short_epochs_tell_steps_tracing_and_the_rest_apart():
    # 11 steps of 0.2 s leave 1.8 s of 4 s; of the first epoch's 10 s, 3 steps and these 1.8 s leave 7.6 s.
    cost = epoch_cost((3, 10.0), (11, 4.0), 0.2)
    assert dataclasses.astuple(cost) == pytest.approx((0.2, 1.8, 7.6))
    assert cost.epoch_seconds(100) == pytest.approx(21.8)


def test_an_epoch_of_one_step_is_taken_as_a_whole():
    assert epoch_cost((1, 9.0), (1, 4.0), None) == EpochCost(0.0, 4.0, 5.0)


@pytest.mark.parametrize(("budget", "expected"), [(100, 11), (97, 11), (96.9, 10), (27, 1), (26.9, 0), (0, 0)])
def test_epochs_of_one_kind(budget, expected):
    assert epochs_that_fit(budget, lambda epochs: 20 + 7 * epochs, 7, 1) == expected


# 19 epochs, 2 of them warm-up: 10 + 2 * 2 + 17 * 5 = 99; 20: 10 + 4 + 18 * 5 = 104; 8: 10 + 2 + 7 * 5 = 47.
@pytest.mark.parametrize(("budget", "expected"), [(98, 18), (99, 19), (103, 19), (104, 20), (47, 8), (46, 0)])
def test_an_eighth_of_warm_up_is_cheaper(budget, expected):
    def seconds(epochs):
        return 10 + 2 * (epochs // 8) + 5 * (epochs - epochs // 8)

    assert epochs_that_fit(budget, seconds, 5, 8) == expected


def test_there_is_a_largest_number_of_epochs():
    assert epochs_that_fit(1e9, lambda epochs: epochs / 1e6, 1e-6, 1) == time_budget.MOST_EPOCHS


def refusing(*allowed):
    def check(epochs):
        if epochs not in allowed:
            raise ConfigurationError(f"not {epochs}")

    return check


def test_the_fewest_epochs_are_the_first_that_make_a_run(monkeypatch):
    assert [fewest_epochs(refusing(5, 9), at_least) for at_least in (1, 5, 6)] == [5, 5, 9]
    monkeypatch.setattr(time_budget, "MOST_FEWEST_EPOCHS", 4)
    with pytest.raises(ConfigurationError, match="not 4"):
        fewest_epochs(refusing(5))


def cost_of(is_run, count=None):
    """10 steps of 0.5 s and 1 s around them: 6 s per search epoch, 3 s per warm-up; 10 s and 5 s once, 50 s around."""
    kinds = {"search": EpochCost(0.5, 1.0, 10.0), "warm-up": EpochCost(0.2, 1.0, 5.0)}
    return RunCost(10, kinds, 50.0, count or (lambda epochs: {"search": epochs}), is_run)


def test_a_runs_seconds_are_the_sum_of_its_parts():
    assert cost_of(None).seconds_of(4) == 50 + 10 + 4 * 6
    both = cost_of(None, lambda epochs: {"warm-up": 1, "search": epochs - 1})
    assert both.seconds_of(4) == 50 + 10 + 5 + 3 + 3 * 6


def test_the_epochs_fill_what_is_left_of_the_hours():
    # 0.1 hours are 360 s, of which 14.4 s are kept; 100 s are spent, and 185.6 s of the other 245.6 s make 30 epochs.
    config = EvaluationConfig(hours=0.1)
    cost = cost_of(lambda epochs: None)
    assert cost.choose_epochs(config, 100.0) == ChosenEpochs(30, None)
    text = " ".join(cost.reason(config, ChosenEpochs(30, None), 100.0).split())
    assert text.startswith("--hours=0.1: 30 epochs, with which the run will end 0:05:40 after its start. Measured: ")
    assert "6 s for an epoch of search (10 steps of 0.5 s, 1 s around them)" in text


def test_epochs_that_make_no_run_are_passed_over():
    # 30 would make no run either, not even with fewer images.
    chosen = cost_of(refusing(8, 9, 29, 40)).choose_epochs(EvaluationConfig(hours=0.1), 100.0)
    assert chosen == ChosenEpochs(29, None)


def long_epochs(is_run=lambda epochs: None):
    """100 steps and 2 s around them: 52 s per search epoch, 32 s per warm-up, which is one; 15 s once, 50 s around."""
    kinds = {"search": EpochCost(0.5, 2.0, 10.0), "warm-up": EpochCost(0.3, 2.0, 5.0)}
    return RunCost(100, kinds, 50.0, lambda epochs: {"warm-up": 1, "search": epochs - 1}, is_run)


@pytest.mark.parametrize(
    ("spent", "expected"),
    [
        # Of 345.6 s, 65 s are around, and five epochs are 240 s: 40.6 s are left. Six are 12 s around their steps, and
        # 268.6 s are 95.9 times 0.3 s and 5 times 0.5 s.
        (0.0, (6, 95)),
        # Five leave 11.6 s, which is more than three hundredths of the 360 s; 239.6 s of 2.8 s.
        (29.0, (6, 85)),
        (30.0, (5, None)),
        (40.6, (5, None)),
    ],
)
def test_where_whole_epochs_leave_time_one_more_is_made_of_fewer_images(spent, expected):
    config, cost = EvaluationConfig(hours=0.1), long_epochs()
    chosen = cost.choose_epochs(config, spent)
    assert chosen == expected
    assert 0.93 * 360 <= spent + cost.seconds_of(*chosen) <= 0.96 * 360 + 1e-9


def test_epochs_of_fewer_images_are_said_with_their_share():
    text = " ".join(long_epochs().reason(EvaluationConfig(hours=0.1), ChosenEpochs(6, 88), 35.0).split())
    # 35 + 65 + 12 + 88 * 2.8 = 358.4 s.
    assert text.startswith(
        "--hours=0.1: 6 epochs of 88 steps, each on 88% of the images, with which the run will end 0:05:58 after"
    )
    assert "46 s for an epoch of search (88 steps of 0.5 s, 2 s around them)" in text


def test_epochs_whose_steps_the_user_chose_have_no_share():
    cost = long_epochs()
    text = cost.reason(EvaluationConfig(hours=0.1), ChosenEpochs(6, cost.epoch_steps), 0.0)
    assert text.startswith(f"--hours=0.1: 6 epochs of {cost.epoch_steps} steps, with which the run will end")


def test_epochs_that_make_no_run_are_not_made_shorter_either():
    cost = long_epochs(refusing(3, 4, 5))
    assert cost.choose_epochs(EvaluationConfig(hours=0.1), 14.0) == ChosenEpochs(5, None)


def test_steps_that_the_user_gives_are_kept():
    config = EvaluationConfig(hours=0.1, steps_per_epoch=100)
    assert long_epochs().choose_epochs(config, 14.0) == ChosenEpochs(5, 100)


def test_where_the_shortest_run_does_not_fit_its_epochs_use_fewer_images():
    # Eight epochs: 65 s, 16 s around their steps, and 264.6 s of 0.3 s and 7 times 0.5 s.
    cost = long_epochs(refusing(*range(8, 100)))
    assert cost.choose_epochs(EvaluationConfig(hours=0.1), 0.0) == ChosenEpochs(8, 69)


def test_a_tenth_of_the_images_is_the_least():
    # Ten steps of each of eight epochs: 65 + 16 + 38 = 119 s, which are 96 % of 0.03443 hours.
    cost = long_epochs(refusing(*range(8, 100)))
    with pytest.raises(
        ConfigurationError, match=r"has 8 epochs of 10 steps and needs 0\.035 hours here \(54 s for epochs"
    ):
        cost.choose_epochs(EvaluationConfig(hours=0.034), 0.0)
    assert cost.choose_epochs(EvaluationConfig(hours=0.035), 0.0) == ChosenEpochs(8, 10)


def test_too_few_hours_are_answered_with_enough():
    # 100 s spent, 60 s around and once, 8 epochs of 6 s: 208 s are 96 % of 0.0602 hours.
    cost = cost_of(refusing(*range(8, 100)))
    with pytest.raises(ConfigurationError) as refusal:
        cost.choose_epochs(EvaluationConfig(hours=0.05), 100.0)
    assert str(refusal.value) == (
        "--hours is too small: the shortest run that these settings allow has 8 epochs of 10 steps and needs 0.061 "
        "hours here (48 s for epochs, 60 s for start, tracing and end, 100 s so far, 4% in reserve); "
        "give --hours=0.061 or more, or smaller settings. Received: 0.05"
    )
    assert cost.choose_epochs(EvaluationConfig(hours=0.061), 100.0) == ChosenEpochs(8, None)
