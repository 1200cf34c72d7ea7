import sys

from eoinas_tf.commands import study
from eoinas_tf.study import command


def test_a_study_gets_the_command_line(monkeypatch):
    received = []
    monkeypatch.setattr(command, "main", received.append)
    monkeypatch.setattr(sys, "argv", ["eoinas study", "report", "a.json"])
    study.main()
    assert received == [["report", "a.json"]]
