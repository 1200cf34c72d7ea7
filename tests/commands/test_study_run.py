import os
import sys
import threading

import pytest

from eoinas_tf.commands import study_run
from eoinas_tf.config import EvaluationConfig, SearchConfig


def test_it_stops_when_the_other_end_of_the_pipe_is_closed_and_not_before():
    reading, writing = os.pipe()
    stopped = threading.Event()
    thread = study_run.stop_with(reading, stopped.set)
    os.write(writing, b"x")
    assert not stopped.wait(0.05)
    os.close(writing)
    assert stopped.wait(10)
    thread.join(10)
    os.close(reading)


@pytest.mark.parametrize(
    ("kind", "config_class", "command"),
    [("search", SearchConfig, "search"), ("training", EvaluationConfig, "evaluate")],
)
def test_it_becomes_the_command_with_the_flags(monkeypatch, kind, config_class, command):
    called = []
    monkeypatch.setattr(study_run, "stop_with", lambda descriptor, stop: called.append(descriptor))
    monkeypatch.setattr(study_run, "run_command", lambda *arguments: called.append(arguments))
    monkeypatch.setattr(sys, "argv", ["before"])
    study_run.main([kind, "--epochs=3"])
    assert called == [0, (config_class, getattr(study_run, command))]
    assert sys.argv[1:] == ["--epochs=3"]
