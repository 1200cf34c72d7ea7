"""The search from its real command line: killed and resumed, it writes the same bytes as without interruption."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf

from eoinas_tf.space.genotype import Genotype

ROOT = Path(__file__).parents[2]
SETTINGS = [
    "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=330", "--epochs=9", "--warmup_epochs=1",
    "--pruning_after_epoch=2", "--pruning_every_epochs=1", "--crop_padding=1", "--nohorizontal_flip",
    "--architecture_learning_rate=0.01",
]  # fmt: skip


def command(folder, *flags):
    return [sys.executable, str(ROOT / "run_search.py"), *SETTINGS, f"--run_dir={folder}", *flags]


def run(folder, *flags):
    return subprocess.run(command(folder, *flags), cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search") / "uninterrupted"
    return folder, run(folder)


def test_seven_drops_leave_one_operation_and_everything_is_written(uninterrupted):
    folder, result = uninterrupted
    assert result.returncode == 0, result.stderr
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in metrics] == list(range(1, 10))
    assert metrics[0]["architecture_loss"] is None
    assert metrics[1]["architecture_loss"] is not None
    drops = [json.loads(line) for line in (folder / "pruning.jsonl").read_text().splitlines()]
    assert [sum(drop["epoch"] == epoch for drop in drops) for epoch in range(1, 10)] == [0, 0] + [28] * 7
    assert all(len(drop["remaining"]) == 1 for drop in drops if drop["epoch"] == 9)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["operations_left_at_most_on_an_edge"] == 1
    assert len(Genotype.read(folder / "genotype.json").normal) == 8
    names = ("training", "pruning", "normal_cell", "reduction_cell", "importance_normal", "importance_reduction")
    expected = {f"{name}.{suffix}" for name in names for suffix in ("png", "svg")}
    assert {path.name for path in (folder / "plots").iterdir()} == expected
    assert "of the validation half correctly" in (folder / "report.html").read_text()
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["ckpt-00000016", "ckpt-00000018"]
    assert "found" in result.stdout
    assert "digits: 1438 training images, 359 test images, 10 classes\n" in result.stdout


def test_tensorboard_has_each_value_once(uninterrupted):
    folder, _ = uninterrupted
    seen = set()
    for path in (folder / "tensorboard").rglob("events*"):
        run = path.parent.name
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                assert (run, value.tag, event.step) not in seen
                seen.add((run, value.tag, event.step))
    tags = {(run, tag) for run, tag, _ in seen}
    assert {
        ("training", "loss"), ("validation", "accuracy"), ("tensorboard", "schedule/temperature"),
        ("tensorboard", "cells/dropped_operations"), ("result", "cells/found_normal"), ("result", "search/genotype"),
    } <= tags  # fmt: skip
    # Few charts: values of single operations are histograms.
    assert len({tag for _, tag in tags}) < 40
    histograms = {"operation_weight/normal", "operation_logit/reduce", "importance/reduce"}
    assert {("tensorboard", tag) for tag in histograms} <= tags


@pytest.mark.slow
def test_killed_and_continued_it_writes_the_same_bytes(uninterrupted, tmp_path):
    folder, _ = uninterrupted
    process = subprocess.Popen(
        command(tmp_path / "killed", "--notensorboard"), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    metrics = tmp_path / "killed" / "metrics.jsonl"
    while not metrics.exists() or len(metrics.read_text().splitlines()) < 4:
        assert process.poll() is None, "the search ended before it could be killed"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "genotype.json").exists()
    result = run(tmp_path / "killed", "--notensorboard")
    assert result.returncode == 0, result.stderr
    assert "continuing after epoch" in result.stdout
    for name in ("genotype.json", "metrics.jsonl", "pruning.jsonl", "summary.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (folder / name).read_bytes(), name


def test_the_same_command_on_a_finished_run_changes_nothing(uninterrupted):
    folder, _ = uninterrupted
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != "lock"}
    result = run(folder)
    assert result.returncode == 0, result.stderr
    assert "is finished" in result.stdout
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != "lock"}
    assert before == after


def test_changed_settings_are_refused_with_their_exit_status(uninterrupted):
    folder, _ = uninterrupted
    before = (folder / "config.json").read_bytes()
    result = run(folder, "--seed=7")
    assert result.returncode == 4
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "--seed: 0 -> 7" in line
    assert "Traceback" not in result.stderr
    assert (folder / "config.json").read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--dataset=cifar11"], "cifar11"),
        (["--dataset=cifar10", "--data_dir=nowhere"], "nowhere"),
        (["--batch_size=100000"], "--batch_size"),
        (["--temperature_end=9"], "--temperature_end"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(tmp_path, flags, words):
    result = run(tmp_path / "run", *flags)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert words in lines[0]
    assert not (tmp_path / "run" / "genotype.json").exists()
