import shlex
import subprocess

import pytest

from eoinas_tf.training.console_text import HARD_SPACE, broken_command, broken_lines, labelled_rows


def test_texts_are_aligned_and_broken_at_spaces_only():
    path = "/a/long-path/" + "x" * 90
    rows = labelled_rows({"images": "8x8 pixels", "nothing": "", "super network": "cells " * 20, "path": f"in {path}"})
    lines = rows.splitlines()
    assert lines[0] == "  images        8x8 pixels"
    assert lines[1].startswith("  super network cells cells")
    assert lines[2].startswith(" " * 16 + "cells")
    assert lines[-2:] == ["  path          in", " " * 16 + path]
    assert all(len(line) <= 79 for line in lines[:-1])
    assert "nothing" not in rows


def test_a_long_label_moves_all_texts():
    rows = labelled_rows({"tflite": "52 %", "tflite_float16": "accurate " * 20})
    first, second, *others = rows.splitlines()
    assert (first, second[:19]) == ("  tflite         52 %", "  tflite_float16 ac")
    assert {line[:19] for line in others} == {" " * 17 + "ac"}
    assert labelled_rows({"nothing": ""}) == ""


def test_no_line_is_broken_at_a_hard_space():
    command = f"{'x' * 30}{HARD_SPACE}{'y' * 44}"
    assert broken_lines(f"first {command}", "  ", "    ").splitlines() == ["  first", f"    {'x' * 30} {'y' * 44}"]


@pytest.mark.parametrize(
    ("command", "count"),
    [
        ("tensorboard --logdir=runs/x", 1),
        (f"python run_eval.py --run_dir=runs/{'x' * 38} --genotype='a b.json' --dataset=digits --epochs=3", 2),
        (f"python run_eval.py --run_dir={'x' * 100} --epochs=3", 3),
    ],
)
def test_a_shell_takes_a_broken_command_for_the_whole_one(command, count):
    lines = broken_command(command).splitlines()
    assert len(lines) == count
    assert all(len(line) < 80 or "x" * 100 in line for line in lines)
    assert lines[0].startswith("  ")
    script = f"printf '%s\\n' {broken_command(command)}"
    words = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert words.splitlines() == shlex.split(command)
