import pytest

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import StoppedError
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.training.step_saves import StepSaves, steps_in_call

BEGAN = 1234.5


def saves_of(every, stop, saved, is_any=lambda own, done, at_once=False: own, early_end=0):
    config = SearchConfig(run_dir="unused", checkpoint_every_steps=every)
    return StepSaves(config, stop, lambda done, epoch_began: saved.append(done), is_any, early_end)


@pytest.mark.parametrize(("every", "expected"), [(0, []), (1, [1, 2, 3, 4, 5, 6]), (3, [3, 6])])
def test_a_checkpoint_is_due_every_so_many_steps(every, expected):
    saved = []
    saves = saves_of(every, StopSignals(), saved)
    for done in range(1, 7):
        saves.after_step(done, BEGAN)
    saves.after_epoch(6)
    assert saved == expected


@pytest.mark.parametrize(("every", "expected"), [(0, [5]), (2, [2, 4, 5]), (5, [5])])
def test_the_step_at_which_max_steps_ends_a_run_is_saved_once(every, expected):
    saved = []
    saves = saves_of(every, StopSignals(), saved, early_end=5)
    for done in range(1, 6):
        saves.after_step(done, BEGAN)
    assert saved == expected


@pytest.mark.parametrize(
    ("settings", "done", "expected"),
    [
        ({}, 0, 1),
        ({"steps_per_call": 4}, 0, 4),
        ({"steps_per_call": 4}, 8, 2),
        ({"steps_per_call": 4, "checkpoint_every_steps": 3}, 0, 3),
        ({"steps_per_call": 4, "checkpoint_every_steps": 3}, 4, 2),
    ],
)
def test_a_call_ends_where_something_may_be_due(settings, done, expected):
    assert steps_in_call(SearchConfig(**settings), done, last_step=10) == expected


@pytest.mark.parametrize("moment", ["after_step", "after_epoch"])
def test_a_run_that_is_asked_to_stop_is_saved_first(moment):
    saved, stop = [], StopSignals()
    saves = saves_of(0, stop, saved)
    rest = [BEGAN] if moment == "after_step" else []
    getattr(saves, moment)(4, *rest)
    stop.received = "SIGTERM"
    with pytest.raises(StoppedError, match="SIGTERM received; saved after step 5"):
        getattr(saves, moment)(5, *rest)
    assert saved == [5]


def test_only_a_process_that_ends_within_an_epoch_says_when_that_epoch_began():
    saved, stop = [], StopSignals()
    config = SearchConfig(run_dir="unused", checkpoint_every_steps=2)
    saves = StepSaves(config, stop, lambda *call: saved.append(call), lambda own, done, at_once=False: own, early_end=5)
    for done in range(1, 6):
        saves.after_step(done, BEGAN)
    stop.received = "SIGTERM"
    for save in (lambda: saves.after_step(6, BEGAN), lambda: saves.after_epoch(6)):
        with pytest.raises(StoppedError):
            save()
    assert saved == [(2, None), (4, None), (5, BEGAN), (6, BEGAN), (6, None)]


def test_workers_stop_when_they_have_agreed():
    saved, stop = [], StopSignals()
    stop.received = "SIGTERM"
    saves = saves_of(0, stop, saved, is_any=lambda own, done, at_once=False: own and done == 10)
    for done in range(1, 10):
        saves.after_step(done, BEGAN)
    with pytest.raises(StoppedError):
        saves.after_step(10, BEGAN)
    assert saved == [10]


def test_at_the_end_of_an_epoch_workers_ask_each_other_in_any_case():
    asked, stop = [], StopSignals()
    saves = saves_of(0, stop, [], is_any=lambda own, done, at_once=False: asked.append((done, at_once)))
    saves.after_step(7, BEGAN)
    saves.after_epoch(7)
    assert asked == [(7, False), (7, True)]
