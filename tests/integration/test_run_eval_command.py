"""The final training from its real command line, and a search's whole way to it with two seeds."""

import json
import subprocess
import sys
from pathlib import Path

import tensorflow as tf
from sklearn.datasets import load_digits

ROOT = Path(__file__).parents[2]


def run(script, *flags):
    return subprocess.run(
        [sys.executable, str(ROOT / script), *flags], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_two_seeds_search_and_the_better_cell_is_trained_and_served(tmp_path):
    result = run(
        "run_search.py", "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=64", "--epochs=1",
        "--warmup_epochs=0", "--num_seeds=2", f"--run_dir={tmp_path / 'search'}",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    summary = json.loads((tmp_path / "search" / "summary.json").read_text())
    accuracies = [search["validation_accuracy"] for search in summary["searches"]]
    assert len(accuracies) == 2
    assert summary["validation_accuracy"] == max(accuracies)
    best = Path(summary["best"])
    assert (best / "genotype.json").read_bytes() == (tmp_path / "search" / "genotype.json").read_bytes()

    result = run(
        "run_eval.py", "--dataset=digits", f"--genotype={tmp_path / 'search' / 'genotype.json'}", "--cells=3",
        "--init_channels=4", "--batch_size=64", "--epochs=2", "--cutout_length=0", "--nohorizontal_flip",
        f"--run_dir={tmp_path / 'eval'}",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    summary = json.loads((tmp_path / "eval" / "summary.json").read_text())
    assert 0 < summary["test_accuracy"] <= summary["test_top5_accuracy"] <= 1
    assert {path.name for path in (tmp_path / "eval" / "plots").iterdir()} == {
        "confusion_matrix.png", "worst_confusions.png",
    }  # fmt: skip
    served = tf.saved_model.load(str(tmp_path / "eval" / "saved_model")).signatures["serving_default"]
    images = tf.cast(load_digits().images[:3, ..., None] * (255 / 16), tf.uint8)
    outputs = served(image=images)
    assert outputs["probabilities"].shape == (3, 10)
    assert set(outputs) == {"probabilities", "label", "class_name"}


def test_describe_prints_the_published_size(tmp_path):
    result = run("run_eval.py", "--describe", "--genotype=DARTS_V2", "--num_classes=10")
    assert result.returncode == 0, result.stderr
    description = json.loads(result.stdout)
    assert description["parameters"] == 3_349_342
    assert description["auxiliary_parameters"] == 476_426


def test_a_genotype_that_is_none_is_one_line(tmp_path):
    (tmp_path / "bad.json").write_text('{"format": "something else"}')
    for genotype in ("DARTS_V9", str(tmp_path / "bad.json")):
        result = run("run_eval.py", f"--genotype={genotype}", f"--run_dir={tmp_path / 'run'}")
        assert result.returncode == 1
        assert result.stderr.count("error: ") == 1
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "run").exists()
