"""A real study of the digits, killed and stopped: finished runs are never repeated, started ones are resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 600
STUDY = {
    "format": "eoinas-study/1",
    "title": "Digits",
    "methods": [{"name": "eoinas", "importance_iterations": "relative"}],
    "datasets": [{"name": "digits", "dataset": "digits", "crop_padding": 1, "horizontal_flip": False}],
    "scales": [
        {
            "name": "tiny",
            "search": {
                "cells": 3, "init_channels": 2, "batch_size": 330, "epochs": 6, "warmup_epochs": 1,
                "pruning_after_epoch": 2, "pruning_every_epochs": 1, "checkpoint_every_steps": 1,
            },
            "trainings": [
                {
                    "name": "short", "cells": 3, "init_channels": 2, "batch_size": 440, "epochs": 3,
                    "cutout_length": 0, "checkpoint_every_steps": 1,
                }
            ],
        }
    ],
}  # fmt: skip


def begin(tmp_path):
    command = [
        sys.executable,
        "-m",
        "eoinas_tf.study",
        str(tmp_path / "study.json"),
        f"--study_dir={tmp_path / 'runs'}",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for(process, condition):
    end = time.monotonic() + LONGEST_SECONDS
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_killed_and_stopped_it_ends_without_repeating_a_finished_run(tmp_path):
    (tmp_path / "study.json").write_text(json.dumps(STUDY))
    place = tmp_path / "runs" / "tiny" / "digits"
    search = place / "searches" / "eoinas" / "seed_0"
    training = place / "trainings" / "short" / "eoinas" / "seed_0" / "training_0"

    process = begin(tmp_path)
    wait_for(process, lambda: (search / "metrics.jsonl").exists())
    process.kill()
    process.communicate()

    process = begin(tmp_path)
    wait_for(process, lambda: (training / "metrics.jsonl").exists())
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode == 42, output
    assert "1 of 2 runs are finished, begun ones are saved" in output
    finished = {path: path.stat().st_mtime_ns for path in search.rglob("*") if path.is_file()}

    process = begin(tmp_path)
    output, _ = process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode == 0, output
    assert "2 of 2 runs finished" in output
    assert {path: path.stat().st_mtime_ns for path in search.rglob("*") if path.is_file()} == finished
    logs = {path.name: path.read_text() for path in (tmp_path / "runs" / "logs").iterdir()}
    assert logs["tiny_digits_search_eoinas_seed_0.log"].count("\n$ ") == 2
    assert logs["tiny_digits_search_eoinas_seed_0.log"].count("continuing after epoch") == 1
    assert [json.loads(line)["epoch"] for line in (search / "metrics.jsonl").read_text().splitlines()] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    accuracy = json.loads((training / "summary.json").read_text())["test_accuracy"]
    report = (tmp_path / "runs" / "results" / "study" / "report.md").read_text()
    assert f"{100 * accuracy:.2f}" in report
    assert begin(tmp_path).wait(timeout=LONGEST_SECONDS) == 0
    assert {path: path.stat().st_mtime_ns for path in search.rglob("*") if path.is_file()} == finished
