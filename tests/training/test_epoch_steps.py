import dataclasses
import io
import itertools

import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.optimization.step_results import StepResults
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.training import epoch_steps
from eoinas_tf.training.epoch_steps import Epoch, StepCalls, StepRunner
from eoinas_tf.training.progress import Progress
from eoinas_tf.training.run_estimate import RunEstimate
from eoinas_tf.training.step_saves import StepSaves


class Steps:
    """Records what was run; the loss is the number of the step."""

    def __init__(self):
        self.ran, self.results = [], StepResults("step")
        self.calls = StepCalls(self.one, self.several, self.results, "after_training_step", 4)

    def one(self, batches, number):
        assert next(batches) == int(number)
        self.ran.append(int(number))
        self.results.add(number, tf.cast(number, tf.float32), tf.constant(0.5), tf.constant(0.0))

    def several(self, batches, first, count):
        self.ran.append((int(first), int(count)))
        for number in range(int(first), int(first) + int(count)):
            assert next(batches) == number


@pytest.fixture
def steps():
    return Steps()


def runner(saves=None, seconds_between_lines=1e9, estimate=None, **settings):
    progress = Progress(100, io.StringIO(), itertools.count().__next__, seconds_between_lines)
    config = SearchConfig(run_dir="unused", **settings)
    if saves is not None:
        record = saves.append
        saves = StepSaves(config, StopSignals(), lambda done, epoch_began: record(done), lambda own, done: own)
    return StepRunner(config, progress, saves, estimate=estimate and RunEstimate(progress, estimate))


def epoch(first, count, run_end=None):
    return Epoch(3, 9, list(range(first, first + count)), first, run_end=run_end)


def test_all_steps_are_run_once_and_timed(steps):
    timing = runner().run(epoch(20, 5), steps.calls)
    assert steps.ran == [20, 21, 22, 23, 24]
    assert timing.keys() == {"seconds", "images_per_second"}
    assert timing["images_per_second"] > 0


def test_calls_of_several_steps_end_where_something_is_due(steps):
    saved = []
    runner(saved, steps_per_call=4, checkpoint_every_steps=7).run(epoch(5, 10), steps.calls)
    assert steps.ran == [(5, 2), (7, 4), (11, 3), 14]
    assert saved == [7, 14]


@pytest.mark.parametrize(("run_end", "expected"), [(22, [20, 21]), (20, []), (25, [20, 21, 22, 23, 24]), (99, None)])
def test_max_steps_cuts_an_epoch_short_that_then_has_no_timing(steps, run_end, expected):
    cut = epoch(20, 5, run_end)
    timing = runner().run(cut, steps.calls)
    assert steps.ran == (expected if expected is not None else [20, 21, 22, 23, 24])
    assert (timing is None) == (run_end < 25) == (not cut.is_whole)


def test_an_epoch_of_which_all_steps_are_done_is_finished(steps):
    done = epoch(20, 0)
    assert done.is_whole
    assert runner().run(done, steps.calls)["images_per_second"] == 0.0


def test_lines_of_progress_read_the_means(steps):
    each = runner(seconds_between_lines=1)
    each.run(epoch(0, 3), steps.calls)
    lines = each.progress.stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("epoch 3/9  loss 0.0000  accuracy  50.00 %    1 %")
    assert lines[2].startswith("epoch 3/9  loss 1.0000  accuracy  50.00 %    3 %")


def test_a_run_may_show_another_loss(steps):
    each = runner(seconds_between_lines=1)
    each.run(epoch(0, 1), dataclasses.replace(steps.calls, loss=lambda: 7.5))
    assert each.progress.stream.getvalue().startswith("epoch 3/9  loss 7.5000  accuracy  50.00 %")


def test_every_step_is_a_fault_point(steps, monkeypatch):
    passed = []
    monkeypatch.setattr(epoch_steps, "fault_point", lambda *place: passed.append(place))
    runner(steps_per_call=2).run(epoch(4, 3), steps.calls)
    assert passed == [("after_training_step", 6), ("after_training_step", 7)]


def test_the_time_of_an_estimate_is_not_the_epoch_s(steps, monkeypatch):
    clock = itertools.count(0, 10)
    monkeypatch.setattr(epoch_steps.time, "monotonic", clock.__next__)
    with_estimate = runner(estimate=lambda: [next(clock) for _ in range(50)])
    timing = with_estimate.run(epoch(0, 5), steps.calls)
    # The beginning, the time for the estimate and the end; the 500 s in between are excluded.
    assert timing["seconds"] < 100
    assert "time left" in with_estimate.progress.stream.getvalue()
