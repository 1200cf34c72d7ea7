import os
import subprocess
import sys

import pytest
from absl import app, flags
from setting_cases import FIELDS, element_type

from eoinas_tf import __version__, command_line
from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import EoinasError, NonFiniteError, RunDirectoryError, StorageError
from eoinas_tf.flag_definitions import config_from_arguments
from eoinas_tf.flag_help import command_help
from eoinas_tf.preset_files import preset_path


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Runs a command in this process, with its own flags; returns the exit status, stdout and the lines of stderr."""

    def run(*arguments, config_class=SearchConfig, command=lambda config: None, inherit=None, automatically=None):
        flag_values = flags.FlagValues()
        monkeypatch.setattr(command_line.flags, "FLAGS", flag_values)
        monkeypatch.setattr(command_line, "define_flags", lambda config: define(config, flag_values))
        monkeypatch.setattr(
            command_line, "config_from_flags", lambda config, complete: read(config, flag_values, complete)
        )
        monkeypatch.setattr(command_line.app, "run", run_main)
        monkeypatch.setattr(command_line, "choose_threads", lambda: done.append("chose threads"))
        monkeypatch.setattr(command_line, "turn_on_onednn", lambda: done.append("turned on oneDNN"))
        monkeypatch.setattr(sys, "argv", ["run_search.py", *arguments])
        with pytest.raises(SystemExit) as exit_:
            command_line.run_command(config_class, command, inherit=inherit, complete_automatically=automatically)
        output = capsys.readouterr()
        return exit_.value.code or 0, output.out, output.err.splitlines()

    done = run.done = []
    define, read = command_line.define_flags, command_line.config_from_flags
    return run


def run_main(main, flags_parser):
    """Replaces absl's app.run, without its process-wide state."""
    sys.exit(main(flags_parser(sys.argv)))


def assert_one_error_line(result, message, status=1):
    code, _, lines = result
    assert code == status
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert message in lines[0]


def test_command_gets_the_config(run_command):
    received = []
    code, _, lines = run_command("--epochs=3", "--nohorizontal_flip", command=received.append)
    assert (code, lines) == (0, [])
    assert received == [SearchConfig(epochs=3, horizontal_flip=False)]


@pytest.mark.parametrize("words", [["--preset=auto"], ["--preset", "auto"]])
def test_the_automatic_preset_fills_what_is_not_given_last(run_command, words):
    received, filled = [], []

    def inherit(values, given):
        return {**values, "dataset": "digits"}, given | {"dataset"}

    def fill(values, given):
        filled.append((values["dataset"], sorted(given)))
        return {**values, "cells": 5}

    code, _, lines = run_command(*words, "--hours=2", command=received.append, inherit=inherit, automatically=fill)
    assert (code, lines, filled) == (0, [], [("digits", ["dataset", "hours"])])
    assert received == [SearchConfig(dataset="digits", hours=2.0, cells=5)]
    run_command("--hours=2", command=received.append, inherit=inherit, automatically=fill)
    assert received[1:] == [SearchConfig(dataset="digits", hours=2.0)]


def test_hours_and_epochs_are_one_line(run_command, tmp_path):
    (tmp_path / "flags").write_text("--epochs=3\n")
    for arguments in (["--epochs=3"], [f"--flagfile={tmp_path / 'flags'}"]):
        assert_one_error_line(run_command("--hours=2", *arguments), "leave out --hours or --epochs, which may also")


def test_keras_runs_on_tensorflow_whatever_the_environment_says(run_command, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    seen = []
    run_command(command=lambda config: seen.append(os.environ["KERAS_BACKEND"]))
    assert seen == ["tensorflow"]


@pytest.mark.parametrize("first_line", ["--epochs=3", "# a comment", "// a comment", "", "--flagfile={folder}/inner"])
def test_a_flagfile_may_begin_with_a_byte_order_mark(run_command, tmp_path, first_line):
    (tmp_path / "inner").write_text("--epochs=3\n", encoding="utf-8-sig")
    lines = [first_line.format(folder=tmp_path), "--cells=5"]
    (tmp_path / "flags").write_text("\n".join(lines), encoding="utf-8-sig")
    received = []
    result = run_command(f"--flagfile={tmp_path / 'flags'}", "--seed=7", command=received.append)
    assert result == (0, "", [])
    epochs = {"epochs": 3} if first_line.startswith("--") else {}
    assert received == [SearchConfig(cells=5, seed=7, **epochs)]


@pytest.mark.parametrize("line", ["--preset=search_digits", "--flagfile={folder}/inner"])
def test_a_flagfile_may_name_a_preset(run_command, tmp_path, line):
    (tmp_path / "inner").write_text("--preset=search_digits\n")
    (tmp_path / "flags").write_text(f"--cells=5\n{line.format(folder=tmp_path)}\n--seed=7\n")
    received = []
    result = run_command(f"--flagfile={tmp_path / 'flags'}", "--batch_size=9", command=received.append)
    assert result == (0, "", [])
    # Where the file names the preset: it replaces what comes before, and later lines replace its own.
    preset = f"--flagfile={preset_path('search_digits')}"
    assert received == [config_from_arguments(SearchConfig, [preset, "--seed=7", "--batch_size=9"])]
    assert received[0].cells == 3


def test_settings_that_were_not_given_may_be_completed(run_command, tmp_path):
    (tmp_path / "flags").write_text("--cells=8\n")  # The default value, but given explicitly.
    asked = []

    def inherit(values, given):
        asked.append(given)
        return {**values, "batch_size": 7}, given

    received = []
    arguments = (f"--flagfile={tmp_path / 'flags'}", "--epochs=3", "--nodownload")
    assert run_command(*arguments, command=received.append, inherit=inherit) == (0, "", [])
    assert asked == [{"cells", "epochs", "download"}]
    assert received == [SearchConfig(cells=8, epochs=3, batch_size=7)]


def test_threads_and_kernels_are_chosen_before_the_command_runs(run_command):
    run_command(command=lambda config: run_command.done.append("ran"))
    assert run_command.done == ["chose threads", "turned on oneDNN", "ran"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stray"], "unexpected argument 'stray': every setting is a flag, --name=value"),
        (["epochs=3"], "unexpected argument 'epochs=3'"),
        (["--", "--epochs=3"], "unexpected argument '--epochs=3'"),
        (["a\nb"], r"unexpected argument 'a\nb'"),
        (["--epoch=3"], "Unknown command line flag 'epoch'"),
        (["--stem=cifar"], "Unknown command line flag 'stem'"),
        (["--epochs=three"], "error: --epochs must be a whole number. Received: three; see run_search.py --help"),
        (["--epochs=0"], "error: --epochs must be at least 1. Received: 0; see run_search.py --help"),
        (["--epochs"], "Missing value for flag --epochs"),
        (["--epochs=1\n2"], "--epochs must be a whole number. Received: 1 2"),
        (["--weights_momentum=nan"], "--weights_momentum must be a finite number below 3.4e38. Received: nan"),
        (["--dataset="], "--dataset must not be empty"),
        (["--select_from=a,,b"], "--select_from must not be empty"),
        (["--importance_iterations=minutes"], "must be one of epochs, relative, steps. Received: minutes"),
        (
            ["--download=perhaps"],
            "error: --download must be true or false: write --download or",
        ),
        (["--epochs=" + "9" * 5000], "Received: 999"),
        (["--image_size=32,32,32"], "--image_size must be two numbers"),
        (["--image_size=32x"], "--image_size must be whole numbers with commas between. Received: 32x"),
        (["--temperature_end=9"], "--temperature_end must not be above --temperature_start. Received: 9.0 and 5.0"),
        (["--flagfile=no/such.flags"], "error: the flagfile no/such.flags cannot be read: No such file or directory"),
    ],
)
def test_wrong_command_line_is_one_line_and_status_1(run_command, arguments, message):
    calls = []
    assert_one_error_line(run_command(*arguments, command=calls.append), message)
    assert calls == []


def wrong_texts(field):
    """Returns texts that a flag must refuse, generated from its setting so that no new flag can be forgotten."""
    kind, is_tuple = element_type(field)
    if kind is bool:
        return ["maybe", "", "2", "-1", "nan", "inf", "None"]
    if kind is str:
        texts = ["a\0b", " ", *([] if field.default == "" else [""])]
        texts += ["nonsense", "epochs,steps", "3", "nan"] if field.metadata["choices"] else []
        return [*texts, "a,,b", "a,", ","] if is_tuple else texts
    texts = ["", " ", "nonsense", "nan", "inf", "-inf", "1e999", "0x10", "1;2", "None", "true", "9" * 5000]
    texts += ["1.5", "1e3"] if kind is int else ["1e39"]
    minimum, maximum = field.metadata["minimum"], field.metadata["maximum"]
    if minimum is not None:
        texts += [str(-(10**15)), str(minimum - 1)]
        texts += [str(minimum - 1e-9)] if kind is float else []
    if maximum is not None:
        texts += [str(10**15), str(maximum + 1)]
    else:
        texts.remove("9" * 5000)
    if field.metadata["is_size"]:
        texts += ["4x", "x4", "4x4x4", "4,4,4", "3", "3x4", "4,5000"]
    elif is_tuple:
        texts += [f"{minimum},", f",{minimum}", str(minimum), ",".join([str(minimum)] * 3), f"{minimum},{minimum - 1}"]
    else:
        texts += ["1,2"]
    return texts


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_every_flag_refuses_what_it_cannot_be_with_one_line_that_names_it(run_command, config_class, field):
    arguments = [f"--{field.name}={text}" for text in wrong_texts(field)]
    # Without a value, and with a similar flag name.
    arguments += [f"--{field.name}x=1", *([] if field.type is bool else [f"--{field.name}", f"--no{field.name}"])]
    calls = []
    for argument in arguments:
        result = run_command(argument, config_class=config_class, command=calls.append)
        assert_one_error_line(result, field.name)
        assert calls == [], argument


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["-help"], ["--epochs=3", "--help"], ["--epochs=0", "-h"]])
def test_help_prints_the_settings_and_is_no_error(run_command, words):
    calls = []
    code, output, errors = run_command(*words, command=calls.append)
    assert (code, errors, calls) == (0, [], [])
    assert output == command_help(SearchConfig, "run_search.py", "")


def test_version_is_printed(run_command):
    assert run_command("--version") == (0, f"eoinas_tf {__version__}\n", [])


def test_what_stands_behind_the_end_of_flags_asks_for_no_help(run_command):
    assert_one_error_line(run_command("--", "--help"), "unexpected argument '--help'")


def test_a_wrong_value_is_said_once(run_command):
    for argument in ("--epochs=-7", "--epochs=seven", "--download=seven", "--method=seven", "--flagfile=/seven"):
        _, _, (line,) = run_command(argument)
        name, _, value = argument.lstrip("-").partition("=")
        assert line.count(value) == 1, line
        assert line.count(f"--{name} must") + line.count("flagfile") == 1, line


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"--epochs=\xff\n"])
def test_flagfile_that_is_not_text_is_one_line(run_command, tmp_path, content):
    flagfile = tmp_path / "settings.flags"
    flagfile.write_bytes(content)
    assert_one_error_line(run_command(f"--flagfile={flagfile}"), "codec can't decode")


def test_indented_comment_of_a_flagfile_is_refused(run_command, tmp_path):
    flagfile = tmp_path / "settings.flags"
    flagfile.write_text("--epochs=3\n  # indented\n")
    assert_one_error_line(run_command(f"--flagfile={flagfile}"), "unexpected argument")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (EoinasError("wrong"), 1),
        (NonFiniteError("wrong"), 3),
        (RunDirectoryError("wrong"), 4),
        (StorageError("of\n  many\tlines, wrong"), 5),
    ],
)
def test_error_of_the_command_is_one_line_and_its_status(run_command, error, status):
    def fail(config):
        raise error

    assert_one_error_line(run_command(command=fail), "wrong", status)


def test_defect_keeps_its_traceback(monkeypatch):
    def fail(config):
        raise ZeroDivisionError

    monkeypatch.setattr(command_line, "define_flags", lambda config: None)
    monkeypatch.setattr(command_line, "config_from_flags", lambda config, complete: config())
    monkeypatch.setattr(command_line.app, "run", lambda main, flags_parser: main(["run_search.py"]))
    with pytest.raises(ZeroDivisionError):
        command_line.run_command(EvaluationConfig, fail)


# One program for all cases, with absl's real app.run, because starting a process takes time.
PROGRAM = """
import contextlib, io, sys
from absl import flags
from eoinas_tf.command_line import run_command
from eoinas_tf.config import SearchConfig

WRONG = "stray --no_such_flag=1 --epochs=three --image_size=1 --download=perhaps --stderrthreshold=loud --v=nan"
for argument in [*WRONG.split(), "--run_dir=\\udcff", "--logger_levels=absl:loud"]:
    for name in list(flags.FLAGS):
        if flags.FLAGS[name].help and flags.FLAGS.find_module_defining_flag(name) == "eoinas_tf.flag_definitions":
            delattr(flags.FLAGS, name)
    flags.FLAGS.unparse_flags()
    sys.argv = ["run_search.py", argument]
    try:
        run_command(SearchConfig, lambda config: print("the command ran"))
    except SystemExit as exit_:
        print("status", exit_.code)
print("tensorflow" in sys.modules or "keras" in sys.modules)
"""


def test_real_process_answers_a_wrong_command_line_without_loading_tensorflow():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["status 1"] * 9 + ["False"]
    lines = run.stderr.splitlines()
    assert len(lines) == 9, lines
    assert all(line.startswith("error: ") for line in lines)
    names = "'stray' no_such_flag epochs image_size download stderrthreshold verbosity run_dir 'loud'"
    for line, name in zip(lines, names.split(), strict=True):
        assert name in line


def test_absl_is_the_one_that_is_replaced_in_these_tests():
    """The fixture replaces these attributes of the module, so they must keep their names."""
    assert command_line.app is app
    assert command_line.flags is flags
