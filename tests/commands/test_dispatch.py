import importlib
import sys

import pytest

from eoinas_tf import __version__
from eoinas_tf.commands import dispatch, genotype_list


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/eoinas", *arguments])
    dispatch.main()


@pytest.mark.parametrize("module", [module for module, _ in dispatch.SUBCOMMANDS.values()])
def test_every_subcommand_has_its_module(module):
    assert callable(importlib.import_module(f"eoinas_tf.commands.{module}").main)


def test_a_subcommand_gets_the_rest_of_the_command_line(monkeypatch):
    seen = []
    monkeypatch.setattr(genotype_list, "main", lambda: seen.append(list(sys.argv)))
    run(monkeypatch, "list", "--json", "x")
    assert seen == [["eoinas list", "--json", "x"]]


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_the_overview_names_all(monkeypatch, capsys, arguments):
    run(monkeypatch, *arguments)
    output = capsys.readouterr().out
    assert all(f"\n  {name:<10}{summary}\n" in output for name, (_, summary) in dispatch.SUBCOMMANDS.items())
    assert max(map(len, output.splitlines())) <= 90


def test_the_version_is_printed(monkeypatch, capsys):
    run(monkeypatch, "--version")
    assert capsys.readouterr().out == f"eoinas_tf {__version__}\n"


@pytest.mark.parametrize(("word", "end"), [("serach", "did you mean search?"), ("xyz", "see eoinas --help")])
def test_a_wrong_subcommand_is_one_line(monkeypatch, capsys, word, end):
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, word)
    (line,) = capsys.readouterr().err.splitlines()
    assert exit_.value.code == 1
    assert line.startswith("error: the command must be one of auto, search, eval")
    assert line.endswith(f"Received: {word}; {end}")
