"""The random baselines from their real command line: without any data, and stopped while they score cells."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eoinas_tf.space.genotype import Genotype

ROOT = Path(__file__).parents[2]
DIGITS = [
    "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=330", "--epochs=1", "--crop_padding=1",
    "--nohorizontal_flip", "--method=random_search", "--random_search_cells=4", "--notensorboard",
]  # fmt: skip


def run(folder, *flags, **environment):
    command = [sys.executable, str(ROOT / "run_search.py"), f"--run_dir={folder}", *flags]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def test_a_random_cell_needs_no_data(tmp_path):
    result = run(tmp_path / "run", "--method=random", "--seed=5", TFDS_DATA_DIR=str(tmp_path / "no data"))
    assert result.returncode == 0, result.stderr
    assert "no network was trained and no image was read" in result.stdout
    assert len(Genotype.read(tmp_path / "run" / "genotype.json").reduce) == 8
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["validation_accuracy"] is None


@pytest.mark.slow
def test_stopped_while_it_scores_cells_it_scores_all_of_them_again(tmp_path):
    uninterrupted, stopped = tmp_path / "uninterrupted", tmp_path / "stopped"
    assert run(uninterrupted, *DIGITS).returncode == 0
    result = run(stopped, *DIGITS, EOINAS_FAULT="after_cell_scored:2:SIGTERM")
    assert result.returncode == 42
    assert "what was saved before is kept; the same command continues the run" in result.stderr
    assert not (stopped / "genotype.json").exists()
    continued = run(stopped, *DIGITS)
    assert continued.returncode == 0, continued.stderr
    assert "continuing after epoch 1 of 1" in continued.stdout
    assert "is the best of 4" in continued.stdout
    for name in ("genotype.json", "summary.json", "metrics.jsonl", "final_evidence.json"):
        assert (stopped / name).read_bytes() == (uninterrupted / name).read_bytes()
