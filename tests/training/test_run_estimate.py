import io
import itertools

import pytest

from eoinas_tf.training.progress import Progress
from eoinas_tf.training.run_estimate import RunEstimate
from eoinas_tf.training.step_pace import StepPace, Stretch


@pytest.fixture
def progress():
    """A clock that advances by a second each time it is read."""
    clock = itertools.count().__next__
    pace = StepPace([Stretch(("weight step",), 10), Stretch(("weight step", "architecture step"), 20)], 5, clock)
    return Progress(20, io.StringIO(), clock, pace=pace)


def test_it_is_due_once_after_two_measured_steps(progress):
    estimate = RunEstimate(progress)
    progress.pace.begin_epoch(0)
    assert not estimate.is_due(1)
    progress.pace.first_step_done(1, 9.0)
    assert [estimate.is_due(done) for done in (1, 2, 3, 7)] == [False, False, True, True]
    estimate.give(3)
    assert not estimate.is_due(7)
    assert progress.pace.is_measuring


def test_it_says_time_by_kind_and_memory(progress):
    pace = progress.pace

    def measure():
        pace.measured_alone("architecture step", 0.25)
        pace.expect_between_epochs(3.0)

    pace.begin_epoch(0)
    pace.first_step_done(1, 9.0)
    seconds = RunEstimate(progress, measure).give(3)
    assert 0 <= seconds < 60
    written = progress.stream.getvalue()
    # Two steps took one second: 7 weight steps, 10 pairs, and 4 times the time between epochs.
    assert "  time left     0:00:23 (weight step 0.5 s" in written
    assert "(weight step 0.5 s, architecture step 0.25 s, between epochs 3 s)" in " ".join(written.split())
    assert "  memory" in written
    assert "GiB" in written


def test_what_no_step_tells_has_no_parentheses(progress):
    """The last steps of an epoch that was continued are of a kind that no whole stretch has measured."""
    progress.pace.begin_epoch(0)
    progress.pace.first_step_done(1, 9.0)
    progress.pace.seconds_by_kind = lambda step: {}
    RunEstimate(progress).give(3)
    assert "(" not in progress.stream.getvalue().splitlines()[0]


def test_a_quiet_run_measures_nothing(progress):
    progress.is_quiet = True
    progress.pace.first_step_done(1, 9.0)
    assert not RunEstimate(progress).is_due(10)
