"""docs/tutorial.md, typed from its first line to its last, with fewer images and smaller settings.

Only `SMALLER` is changed: each text on its left occurs in the tutorial, and the test types the one on its right. The
commands in blocks marked `install` are not run: tests/integration/test_wheel.py installs the package.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs_pages import ROOT

BLOCK = re.compile(r"^```(?P<language>sh|python) ?(?P<name>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SEARCH = (
    "--epochs=1 --cells=3 --init_channels=2 --batch_size=10 --operations=skip_connect,max_pool_3x3 --warmup_epochs=0 "
    "--pruning_after_epoch=0 --pruning_every_epochs=1 --image_size=8 --notensorboard"
)
TRAINING = "--epochs=1 --cells=3 --init_channels=2 --batch_size=10 --auxiliary_weight=0 --notensorboard"
SMALLER = {
    '{"train": 300, "test": 100}': '{"train": 4, "test": 2}',
    '--train_flags="': f'--search_flags="{SEARCH}" --train_flags="{TRAINING} --image_size=8 ',
    "--cells=8 --init_channels=24\n": "--cells=3 --init_channels=2\n",
    "--init_channels=24 --max_multiply_adds=5000000": "--init_channels=2 --max_multiply_adds=5000000",
    "--epochs=40 --batch_size=64": TRAINING,
}


def blocks():
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    for large, small in SMALLER.items():
        assert text.count(large) == 1, f"the tutorial no longer says {large!r} once"
        text = text.replace(large, small)
    return [match.groupdict() for match in BLOCK.finditer(text)]


def shell_environment(folder):
    """Returns an environment in which `python` and `eoinas` are those of this repository."""
    programs = folder / "programs"
    programs.mkdir()
    for name, arguments in (("python", ""), ("eoinas", " -m eoinas_tf")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        program.chmod(0o755)
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """Types everything; returns the folder in which it ran and the output of each command."""
    source = Path(re.search(r'SOURCE = Path\("(.*)"\)', (ROOT / "docs" / "tutorial.md").read_text()).group(1))
    if not source.is_dir():
        pytest.skip(f"no Fashion-MNIST in {source}: install dataset-fashion-mnist")
    folder = tmp_path_factory.mktemp("tutorial")
    environment, printed = shell_environment(folder), {}
    for block in blocks():
        if block["name"] == "install":
            continue
        if block["language"] == "python":
            (folder / block["name"]).write_text(block["text"], encoding="utf-8")
            continue
        run = subprocess.run(
            ["sh", "-e", "-c", block["text"]], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, f"{block['text']}\n{run.stdout}\n{run.stderr}"
        printed[" ".join(block["text"].split()[:2])] = run.stdout
    return folder, printed


def test_the_folder_has_a_search_a_network_and_what_the_tutorial_names(typed):
    folder, _ = typed
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `((?:network|search)/[^`]*)`", text, re.MULTILINE)
    assert len(named) == 4
    for path in named:
        assert (folder / "runs" / "fashion" / path).exists(), path
    assert 0 <= json.loads((folder / "runs/fashion/network/summary.json").read_text())["test_accuracy"] <= 1
    assert (folder / "comparison.html").stat().st_size > 10_000


def test_command_and_program_name_classes_of_the_folder(typed):
    folder, printed = typed
    classes = {path.name for path in (folder / "fashion" / "train").iterdir()}
    assert len(classes) == 10
    lines = printed["eoinas predict"].splitlines()
    assert len(lines) == 2
    for line in lines:
        found = re.fullmatch(r"fashion/test/bag/\d+\.png: (.+) \d+\.\d %, (.+) \d+\.\d %, (.+) \d+\.\d %", line)
        assert set(found.groups()) <= classes
    name, probability = printed["python classify.py"].rsplit(maxsplit=1)
    assert name in classes
    assert 0.1 <= float(probability) <= 1
    # The image is the first of the command's.
    assert lines[0].split(": ")[1].startswith(name)


def test_the_second_network_keeps_the_searchs_images_and_the_budget(typed):
    folder, printed = typed
    assert json.loads(printed["eoinas describe"])["multiply_adds"] > 0
    settings = json.loads((folder / "runs/fashion/small/config.json").read_text())
    assert settings["image_size"] == [8, 8]
    assert settings["dataset"].endswith("/fashion")
    assert json.loads((folder / "runs/fashion/small/summary.json").read_text())["multiply_adds"] <= 5_000_000


def test_the_program_has_ten_lines():
    (program,) = (block["text"] for block in blocks() if block["name"] == "classify.py")
    assert len([line for line in program.splitlines() if line]) == 10
