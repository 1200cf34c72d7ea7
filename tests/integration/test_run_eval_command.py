"""Final training from its real command line, and the whole way to it from a search with two seeds."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from pytorch_record import read_pytorch_record
from scipy.special import log_softmax
from sklearn.datasets import load_digits

from eoinas_tf.space.genotype import Genotype

ROOT = Path(__file__).parents[2]


def run(script, *flags):
    return subprocess.run(
        [sys.executable, str(ROOT / script), *flags], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_two_seeds_search_and_the_better_cell_is_trained_and_served(tmp_path):
    result = run(
        "run_search.py", "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=64", "--epochs=1",
        "--notensorboard", "--warmup_epochs=0", "--pruning_after_epoch=1", "--pruning_every_epochs=1",
        "--num_seeds=2", "--max_skip_connections=0",
        f"--run_dir={tmp_path / 'search'}",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    summary = json.loads((tmp_path / "search" / "summary.json").read_text())
    accuracies = [search["validation_accuracy"] for search in summary["searches"]]
    assert len(accuracies) == 2
    assert summary["validation_accuracy"] == max(accuracies)
    best = Path(summary["best"])
    assert (best / "genotype.json").read_bytes() == (tmp_path / "search" / "genotype.json").read_bytes()
    # No identity in a normal cell, and at least one cell had one before.
    assert all("skip_connect" not in dict(Genotype.read(path).normal) for path in tmp_path.rglob("genotype.json"))
    assert "skip_connect is struck off" in result.stderr

    result = run(
        "run_eval.py", "--dataset=digits", f"--genotype={tmp_path / 'search' / 'genotype.json'}", "--cells=3",
        "--init_channels=4", "--batch_size=64", "--epochs=2", "--cutout_length=0", "--nohorizontal_flip",
        f"--run_dir={tmp_path / 'eval'}",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    summary = json.loads((tmp_path / "eval" / "summary.json").read_text())
    assert 0 < summary["test_accuracy"] <= summary["test_top_5_accuracy"] <= 1
    names = ("confusion_matrix", "training", "worst_confusions")
    expected = {f"{name}.{suffix}" for name in names for suffix in ("png", "svg")}
    assert {path.name for path in (tmp_path / "eval" / "plots").iterdir()} == expected
    assert "of the test images of digits are classified correctly" in (tmp_path / "eval" / "report.html").read_text()
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


def test_list_genotypes_needs_no_tensorflow():
    program = "import sys; sys.argv = ['run_eval.py', '--list_genotypes', '--json']; import run_eval; run_eval.main()"
    blocked = f"import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; {program}"
    result = subprocess.run([sys.executable, "-c", blocked], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert [record["name"] for record in json.loads(result.stdout)][:2] == ["DARTS_V1", "DARTS_V2"]


def test_list_genotypes_ends_quietly_when_its_reader_has_read_enough():
    command = [sys.executable, str(ROOT / "run_eval.py"), "--list_genotypes"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("cifar: 20 cells")
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


def test_a_genotype_that_is_none_is_one_line(tmp_path):
    (tmp_path / "bad.json").write_text('{"format": "something else"}')
    for genotype in ("DARTS_V9", str(tmp_path / "bad.json")):
        result = run("run_eval.py", f"--genotype={genotype}", f"--run_dir={tmp_path / 'run'}")
        assert result.returncode == 1
        assert result.stderr.count("error: ") == 1
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "run").exists()


# tests/evaluation/test_pytorch_evaluation.py does the same in its process, in every run of the tests.
@pytest.mark.slow
def test_weights_from_pytorch_are_tested_and_served_without_training(tmp_path):
    """Three images, two of them in the folder of the class that the PyTorch network predicts."""
    record = read_pytorch_record("cifar")
    labels = np.argmax(record.answers["logits"], axis=1)
    labels[2] = (labels[2] + 1) % record.settings["num_classes"]
    blank = np.zeros((10, 32, 32, 3), np.uint8)
    for part, images, classes in [("train", blank, range(10)), ("test", record.images, labels)]:
        for number, (image, label) in enumerate(zip(images, classes, strict=True)):
            folder = tmp_path / "images" / part / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.png").write_bytes(tf.io.encode_png(image).numpy())
    (tmp_path / "genotype.json").write_text(record.genotype.to_json())
    np.savez(tmp_path / "weights.npz", **record.state_dict)
    result = run(
        "run_eval.py", f"--genotype={tmp_path / 'genotype.json'}", f"--dataset=folder:{tmp_path / 'images'}",
        f"--pytorch_weights={tmp_path / 'weights.npz'}", "--normalization=cifar10", "--cells=5", "--init_channels=4",
        f"--run_dir={tmp_path / 'run'}",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "test accuracy 66.67 %" in result.stdout
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    expected = log_softmax(record.answers["logits"], axis=1)
    assert summary["test_loss"] == pytest.approx(-np.mean(expected[range(3), labels]), abs=1e-4)
    served = tf.saved_model.load(str(tmp_path / "run" / "saved_model")).signatures["serving_default"]
    probabilities = served(image=tf.constant(record.images))["probabilities"]
    np.testing.assert_allclose(np.log(probabilities), expected, rtol=0, atol=1e-4)


def test_a_file_of_weights_that_is_code_is_one_line_and_not_run(tmp_path):
    class Touch:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "touched"),)

    (tmp_path / "weights.pt").write_bytes(pickle.dumps(Touch(), protocol=2))
    np.savez(tmp_path / "weights.npz", **{"stem.0.weight": np.array([Touch()], dtype=object)})
    for name in ("weights.pt", "weights.npz"):
        result = run(
            "run_eval.py", "--genotype=DARTS_V2", "--dataset=digits", f"--pytorch_weights={tmp_path / name}",
            "--cells=3", "--init_channels=2", f"--run_dir={tmp_path / 'run'}",
        )  # fmt: skip
        assert result.returncode == 1
        assert result.stderr.splitlines()[-1].startswith(f"error: --pytorch_weights={tmp_path / name}: ")
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "touched").exists()
        assert not (tmp_path / "run").exists()
