import os
import signal
import threading

import keras
import pytest
import tensorflow as tf

from eoinas_tf.errors import StoppedError
from eoinas_tf.stop_signals import STOP_SIGNALS, StopSignals


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_ends_at_once_what_loses_nothing(number):
    with (
        pytest.raises(StoppedError, match=f"{number.name} received; .*the same command continues the run"),
        StopSignals(),
    ):
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_while_finishing_signals_are_only_noted(number):
    with StopSignals() as stop:
        with stop.finishing():
            assert stop.received is None
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.received is not None
        os.kill(os.getpid(), number)  # A second signal, while the run is ending.
    assert str(stop.error("saved after step 3")).endswith("saved after step 3; the same command continues the run")


def test_afterwards_signals_do_what_they_did_before():
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    with StopSignals():
        assert [signal.getsignal(number) for number in STOP_SIGNALS] != before
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_signals_that_a_library_took_are_taken_again():
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals() as stop:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.received is None
        stop.listen()
        with pytest.raises(StoppedError, match="SIGTERM"):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_process_that_was_started_by_nohup_goes_on_ignoring_sighup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.received is None
            stop.listen()
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_others_add_to_the_message_is_left_out():
    class Stopping(keras.layers.Layer):
        def call(self, inputs):
            os.kill(os.getpid(), signal.SIGTERM)
            return inputs

    with pytest.raises(StoppedError, match=r"^SIGTERM received; .* continues the run$"), StopSignals():
        Stopping()(tf.zeros([1]))


def test_what_others_make_of_it_is_left_out():
    def convert():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except StoppedError:
            raise TypeError("no integer") from None

    with pytest.raises(StoppedError, match="SIGTERM"), StopSignals():
        convert()
    with pytest.raises(TypeError), StopSignals():
        raise TypeError("of its own")


def test_in_another_thread_nothing_is_changed():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def enter():
        with StopSignals() as stop:
            seen.extend([signal.getsignal(signal.SIGTERM), stop.received])

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before, None]


def test_a_worker_that_was_not_asked_itself_says_so():
    assert str(StopSignals().error("saved")).startswith("another worker was told to stop; saved")
