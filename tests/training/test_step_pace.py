import pytest

from eoinas_tf.training.step_pace import StepPace, Stretch

WEIGHTS, BOTH = ("weight step",), ("weight step", "architecture step")


def search_pace(clock):
    """2 warm-up epochs and 6 others of 10 iterations."""
    return StepPace([Stretch(WEIGHTS, 20), Stretch(BOTH, 80)], epoch_steps=10, clock=clock)


def test_time_left_counts_from_the_end_of_the_first_step(clock):
    pace = StepPace([Stretch(("step",), 100)], clock=clock)
    clock.now += 50  # Tracing: no part of the pace.
    pace.first_step_done(1, seconds_since_start=53.5)
    assert pace.seconds_to_first_step == 53.5
    assert pace.seconds_per_step(1) is None
    assert pace.seconds_left(1) is None
    clock.now += 20
    assert pace.seconds_per_step(11) == 2.0
    assert pace.seconds_left(11) == 178.0


def test_a_new_network_has_a_pace_of_its_own(clock):
    pace = StepPace([Stretch(("step",), 100)], clock=clock)
    assert not pace.is_measuring
    pace.first_step_done(1, seconds_since_start=53.5)
    clock.now += 20
    assert pace.seconds_per_step(11) == 2.0
    pace.forget()
    assert not pace.is_measuring
    assert pace.seconds_per_step(12) is None
    clock.now += 70
    pace.first_step_done(12, seconds_since_start=200.0)
    assert pace.seconds_to_first_step == 53.5, "that of the process"
    clock.now += 10
    assert pace.seconds_per_step(14) == 5.0


def test_a_kind_that_was_not_measured_counts_as_much_as_the_slowest(clock):
    pace = search_pace(clock)
    pace.begin_epoch(0)
    pace.first_step_done(1, 1.0)
    clock.now += 4
    # 17 weight steps and 60 iterations of two steps of 2 s.
    assert pace.seconds_left(3) == 17 * 2 + 60 * 4
    assert pace.seconds_by_kind(3) == {"weight step": 2.0}


def test_a_kind_measured_alone_counts_as_measured(clock):
    pace = search_pace(clock)
    pace.begin_epoch(0)
    pace.first_step_done(1, 1.0)
    clock.now += 4
    pace.pause(3)
    clock.now += 1000  # Measuring the other kind: no part of the pace.
    pace.measured_alone("architecture step", 0.5)
    pace.resume(3)
    assert pace.seconds_by_kind(3) == {"weight step": 2.0, "architecture step": 0.5}
    assert pace.seconds_left(3) == 17 * 2 + 60 * 2.5


def test_iterations_of_both_kinds_are_measured_themselves_and_told_apart(clock):
    pace = search_pace(clock)
    pace.begin_epoch(10)
    pace.first_step_done(11, 1.0)
    clock.now += 18
    pace.end_epoch(20)
    pace.begin_epoch(20)
    assert not pace.is_measuring, "the first iteration with an architecture step takes its tracing"
    clock.now += 30
    pace.first_step_done(21, 51.0)
    assert pace.measured_steps(21) == 0
    clock.now += 27
    assert pace.measured_steps(30) == 9
    assert pace.seconds_per_step(30) == 3.0
    assert pace.seconds_by_kind(30) == {"weight step": 2.0, "architecture step": 1.0}
    assert pace.seconds_left(30) == 50 * 3
    pace.end_epoch(30)
    pace.begin_epoch(30)
    assert pace.is_measuring


def test_without_a_warm_up_the_kinds_are_told_apart_by_the_one_measured_alone(clock):
    pace = StepPace([Stretch(BOTH, 80)], epoch_steps=10, clock=clock)
    pace.begin_epoch(0)
    pace.first_step_done(1, 1.0)
    clock.now += 6
    pace.measured_alone("architecture step", 1.0)
    assert pace.seconds_by_kind(3) == {"weight step": 2.0, "architecture step": 1.0}
    assert pace.seconds_left(3) == 77 * 3


def test_what_takes_time_between_epochs_counts_once_an_epoch(clock):
    pace = StepPace([Stretch(("training step",), 30)], epoch_steps=10, clock=clock)
    pace.expect_between_epochs(7.0)
    pace.begin_epoch(0)
    pace.first_step_done(1, 1.0)
    clock.now += 9
    assert pace.seconds_left(10) == 20 + 2 * 7
    assert pace.seconds_left(9) == pytest.approx(21 * 9 / 8 + 3 * 7)
    pace.end_epoch(10)
    clock.now += 5
    pace.begin_epoch(10)
    assert pace.seconds_between_epochs == 5.0
    assert pace.seconds_left(10) == 20 + 2 * 5


def test_what_is_done_between_two_stages_is_no_time_between_epochs(clock):
    pace = search_pace(clock)
    pace.begin_epoch(0)
    pace.first_step_done(1, 1.0)
    pace.end_epoch(10)
    clock.now += 500  # Another network is built.
    pace.forget()
    pace.begin_epoch(10)
    assert pace.seconds_between_epochs == 0
