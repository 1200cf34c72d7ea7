import io
import types

import pytest

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import MemoryExhaustedError, StoppedError
from eoinas_tf.training.epoch_steps import Epoch
from eoinas_tf.training.run_session import RunSession
from eoinas_tf.training.step_pace import Stretch

EPOCHS, EPOCH_STEPS = 4, 3


class Session(RunSession):
    """A run of 4 epochs of 3 steps, some of them done, that saves only the number of steps."""

    def __init__(self, config, finished_epochs=0, finished_steps=0, measure=None):
        super().__init__(config, "--batch_size")
        self.journal = types.SimpleNamespace(finished_epochs=finished_epochs, finished_steps=finished_steps)
        self.saved, self.closed, self.measure = [], [], measure

    def _open(self, around):
        around.callback(self.closed.append, True)
        self._start_devices(around)
        self.total_epochs, self.epoch_steps = EPOCHS, EPOCH_STEPS
        self._begin(self.journal, [Stretch(("step",), 12)], "digest", lambda: ("header",), self.measure)

    def _save_step(self, done, epoch_began):
        self.saved.append(done)


@pytest.fixture
def config(tmp_path):
    return lambda **settings: SearchConfig(run_dir=str(tmp_path / "run"), **settings)


# (max_steps, finished epochs, finished steps), and the steps done at the end, the epochs left and the steps saved.
ENDS = [
    ((0, 0, 0), 12, [1, 2, 3, 4], []),
    ((0, 2, 6), 12, [3, 4], []),
    ((0, 2, 7), 12, [3, 4], []),
    # All steps of the second epoch are done, but it is not recorded.
    ((0, 1, 6), 12, [2, 3, 4], []),
    ((7, 0, 0), 7, [1, 2, 3], [7]),
    ((7, 2, 7), 7, [3], []),
    ((6, 0, 0), 6, [1, 2], []),
    ((6, 2, 6), 6, [], []),
    ((7, 3, 9), 9, [], []),
    ((99, 0, 0), 12, [1, 2, 3, 4], []),
]


@pytest.mark.parametrize(("start", "last_step", "epochs", "saved"), ENDS)
def test_a_process_comes_as_far_as_max_steps_and_saves_there(config, start, last_step, epochs, saved):
    max_steps, finished_epochs, finished_steps = start
    with Session(config(max_steps=max_steps), finished_epochs, finished_steps) as session:
        assert session.last_step == last_step
        assert session.ends_early == (last_step < 12)
        assert list(session.epochs_left()) == epochs
        for number in session.epochs_left():
            first = session.first_step_of(number)
            epoch = Epoch(number, EPOCHS, range(first, number * EPOCH_STEPS), first, run_end=session.last_step)
            assert session.is_last(epoch) == (number * EPOCH_STEPS == last_step)
            for done in range(first + 1, epoch.last_step + 1):
                session.saves.after_step(done, 0.0)
        assert session.saved == saved


def test_the_header_and_where_a_run_continues_are_said(config, capsys):
    with Session(config()) as session:
        assert capsys.readouterr().out == "header\n"
    with Session(config(), 2, 7) as session:
        assert capsys.readouterr().out == f"header\n{session.run.path}: continuing after epoch 2 of 4, step 7\n"
    with Session(config(quiet=True), 2, 7):
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("finished", "is_measured"), [(0, True), (3, False)])
def test_only_a_new_run_measures_what_its_first_steps_do_not_show(config, finished, is_measured):
    measured = []
    with Session(config(), finished // EPOCH_STEPS, finished, lambda: measured.append(True)) as session:
        session.progress.stream = io.StringIO()
        session.progress.pace.begin_epoch(finished)
        session.progress.pace.first_step_done(finished + 1, 1.0)
        session.runner.estimate.give(finished + 3)
        assert "time left" in session.progress.stream.getvalue()
    assert bool(measured) == is_measured


def test_what_the_run_opened_is_closed_whatever_happens(config):
    with Session(config()) as session:
        pass
    assert session.closed == [True]
    with pytest.raises(MemoryExhaustedError, match="lower --batch_size"), Session(config()) as session:
        raise MemoryError
    assert session.closed == [True]


def test_a_signal_waits_for_what_saves(config):
    with Session(config()) as session, session.stopping_between_steps():
        session._stop._receive(15, None)
        with pytest.raises(StoppedError, match="saved after step 2"):
            session.saves.after_step(2, 0.0)
        assert session.saved == [2]
        session._stop.received = None


def test_workers_stop_together_after_the_last_step(config, monkeypatch):
    asked = []
    with Session(config()) as session:
        monkeypatch.setattr(session.replicas, "is_any", lambda *vote: asked.append(vote) or True)
        with (
            pytest.raises(StoppedError, match="another worker was told to stop; saved after step 12"),
            session.stopping_between_steps(),
        ):
            pass
    assert asked == [(False, 12, True)]


def test_a_signal_after_the_last_step_ends_the_run_before_what_follows(config):
    with Session(config()) as session:
        with (
            pytest.raises(StoppedError, match="SIGTERM received; saved after step 12; the same"),
            session.stopping_between_steps(),
        ):
            session._stop._receive(15, None)
        with pytest.raises(StoppedError, match=r"^of its own"), session.stopping_between_steps():
            raise StoppedError("of its own")
