import sys

from eoinas_tf.commands import report
from eoinas_tf.experiment import report_command


def test_a_report_gets_the_command_line_and_the_programs_name(monkeypatch):
    received = []
    monkeypatch.setattr(report_command, "main", lambda *arguments: received.append(arguments))
    monkeypatch.setattr(sys, "argv", ["eoinas report", "runs/a", "runs/b"])
    report.main()
    assert received == [(["runs/a", "runs/b"], "eoinas report")]


def test_a_name_that_the_terminal_cannot_show_is_escaped(tmp_path, monkeypatch):
    monkeypatch.setattr(report_command, "main", lambda *arguments: print("čaj/report.html", flush=True))
    with open(tmp_path / "output", "w", encoding="ascii") as output:
        monkeypatch.setattr(sys, "stdout", output)
        report.main()
    assert (tmp_path / "output").read_text() == "\\u010daj/report.html\n"
