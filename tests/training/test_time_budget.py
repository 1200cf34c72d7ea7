"""Epochs by a time budget, against figures worked out by hand."""

import dataclasses

import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.training import time_budget
from eoinas_tf.training.time_budget import EpochCost, RunCost, epoch_cost, epochs_that_fit, fewest_epochs


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
    # 0.1 hours are 360 s; 100 s are spent, and 200 s of the other 260 s make 33 epochs of 6 s.
    config = EvaluationConfig(hours=0.1)
    cost = cost_of(lambda epochs: None)
    assert cost.choose_epochs(config, 100.0) == 33
    text = " ".join(cost.reason(config, 33, 100.0).split())
    assert text.startswith("--hours=0.1: 33 epochs, with which the run will end 0:05:58 after its start. Measured: ")
    assert "6 s for an epoch of search (10 steps of 0.5 s, 1 s around them)" in text


def test_epochs_that_make_no_run_are_passed_over():
    assert cost_of(refusing(8, 9, 31, 40)).choose_epochs(EvaluationConfig(hours=0.1), 100.0) == 31


def test_too_few_hours_are_answered_with_enough():
    # 100 s spent, 60 s around and once, 8 epochs of 6 s: 208 s are 0.05778 hours.
    cost = cost_of(refusing(*range(8, 100)))
    with pytest.raises(ConfigurationError) as refusal:
        cost.choose_epochs(EvaluationConfig(hours=0.05), 100.0)
    assert str(refusal.value) == (
        "--hours is too small: the shortest run that these settings allow has 8 epochs and takes 0.058 hours here "
        "(48 s for epochs, 60 s for start, tracing and end, 100 s so far); "
        "give --hours=0.058 or more, or smaller settings. Received: 0.05"
    )
    assert cost.choose_epochs(EvaluationConfig(hours=0.058), 100.0) == 8
