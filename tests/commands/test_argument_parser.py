import sys

import pytest

from eoinas_tf.commands.argument_parser import CommandParser, run_parsed
from eoinas_tf.errors import RunDirectoryError


@pytest.fixture
def run(monkeypatch, capsys):
    def start(command, *arguments):
        monkeypatch.setattr(sys, "argv", ["eoinas try", *arguments])
        parser = CommandParser("Tries.")
        parser.add_argument("--count", type=int, default=1)
        try:
            run_parsed(parser, command)
            code = 0
        except SystemExit as exit_:
            code = exit_.code
        output = capsys.readouterr()
        return code, output.out, output.err

    return start


def test_the_command_gets_its_arguments(run):
    seen = []
    assert run(lambda options: seen.append(options.count), "--count=3") == (0, "", "")
    assert seen == [3]


@pytest.mark.parametrize("arguments", [("--count=x",), ("--coun=3",), ("stray",)])
def test_a_wrong_argument_is_one_line(run, arguments):
    code, output, errors = run(lambda options: pytest.fail("ran"), *arguments)
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("error: ")
    assert errors.endswith("; see eoinas try --help\n")


def test_an_error_of_the_command_has_its_status(run):
    def fail(options):
        raise RunDirectoryError("of\ntwo lines")

    assert run(fail) == (4, "", "error: of two lines\n")


def test_help_is_no_error(run):
    code, output, errors = run(lambda options: pytest.fail("ran"), "--help")
    assert (code, errors) == (0, "")
    assert output.startswith("usage: eoinas try")
