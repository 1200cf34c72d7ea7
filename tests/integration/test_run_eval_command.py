"""The final training from its real command line, and a search's whole way to it with two seeds."""

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


def test_two_seeds_search_and_the_better_cell_is_trained_and_served(tmp_path):
    result = run(
        "run_search.py", "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=64", "--epochs=1",
        "--notensorboard", "--warmup_epochs=0", "--num_seeds=2", "--max_skip_connections=0",
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
    assert {path.name for path in (tmp_path / "eval" / "plots").iterdir()} == {
        "confusion_matrix.png", "training.png", "worst_confusions.png",
    }  # fmt: skip
    served = tf.saved_model.load(str(tmp_path / "eval" / "saved_model")).signatures["serving_default"]
    images = tf.cast(load_digits().images[:3, ..., None] * (255 / 16), tf.uint8)
    outputs = served(image=images)
    assert outputs["probabilities"].shape == (3, 10)
    assert set(outputs) == {"probabilities", "label", "class_name"}


def imagenet_like_folder(root):
    """Photographs of two classes and many sizes, JPEG and PNG: 10 to train on, 4 to test on."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 5), ("val", 2)):
        for name in ("dark", "bright"):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                sides = generator.integers(20, 60, 2)
                pixels = generator.integers(0, 120, [*sides, 3]) + (130 if name == "bright" else 0)
                encode, suffix = ((tf.io.encode_jpeg, "jpg"), (tf.io.encode_png, "png"))[number == 1]
                path = root / part / name / f"{number}.{suffix}"
                path.write_bytes(encode(pixels.astype(np.uint8)).numpy())
    return f"--dataset=folder:{root}"


def test_imagenets_training_that_is_stopped_continues_bit_for_bit_and_serves_any_size(tmp_path):
    dataset = imagenet_like_folder(tmp_path / "images")
    (tmp_path / "genotype.json").write_text(
        json.dumps(
            {
                "format": "eoinas-genotype/1",
                "normal": [["sep_conv_3x3", 0], ["skip_connect", 1]],
                "normal_concat": [2],
                "reduce": [["max_pool_3x3", 0], ["sep_conv_3x3", 1]],
                "reduce_concat": [2],
            }
        )
    )
    command = [
        "run_eval.py", "--flagfile=flags/eval_imagenet.flags", dataset, f"--genotype={tmp_path / 'genotype.json'}",
        "--image_size=32,32", "--resize_side=36", "--cells=3", "--init_channels=4", "--batch_size=5", "--epochs=3",
        "--drop_path=0.3", "--cutout_length=8", "--warmup_epochs=1", "--notensorboard",
    ]  # fmt: skip
    for folder, limits in (("whole", [0]), ("pieces", [3, 0])):
        for max_steps in limits:
            result = run(*command, f"--run_dir={tmp_path / folder}", f"--max_steps={max_steps}")
            assert result.returncode == 0, result.stderr
    assert "continuing after epoch 1 of 3" in result.stdout
    for name in ("metrics.jsonl", "summary.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "pieces" / name).read_bytes()
    weights, continued = (
        tf.train.load_checkpoint(str(tmp_path / folder / "checkpoints" / "ckpt-00000006" / "variables"))
        for folder in ("whole", "pieces")
    )
    names = [name for name in weights.get_variable_to_shape_map() if not name.startswith("_")]
    assert len(names) > 50
    for name in names:
        assert np.asarray(weights.get_tensor(name)).tobytes() == np.asarray(continued.get_tensor(name)).tobytes(), name

    # The export brings an image of another size to the network's as the test does: so the accuracies agree.
    served = tf.saved_model.load(str(tmp_path / "pieces" / "saved_model")).signatures["serving_default"]
    hits, paths = [], sorted((tmp_path / "images" / "val").rglob("*.*"))
    for path in paths:
        image = tf.io.decode_image(path.read_bytes())[None]
        hits.append(served(image=image)["class_name"].numpy()[0].decode() == path.parent.name)
    summary = json.loads((tmp_path / "pieces" / "summary.json").read_text())
    assert len(paths) == 4
    assert summary["test_accuracy"] == np.mean(hits)
    assert summary["test_top_5_accuracy"] == 1.0


def test_describe_prints_the_published_size(tmp_path):
    result = run("run_eval.py", "--describe", "--genotype=DARTS_V2", "--num_classes=10")
    assert result.returncode == 0, result.stderr
    description = json.loads(result.stdout)
    assert description["parameters"] == 3_349_342
    assert description["auxiliary_parameters"] == 476_426


def test_list_genotypes_prints_a_row_as_soon_as_it_is_measured():
    command = [sys.executable, str(ROOT / "run_eval.py"), "--list_genotypes"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        first_row = next(line for line in process.stdout if line.startswith("DARTS_V1"))
        process.kill()
    assert first_row.split()[:4] == ["DARTS_V1", "cifar", "3,169,414", "3.3"]


def test_a_genotype_that_is_none_is_one_line(tmp_path):
    (tmp_path / "bad.json").write_text('{"format": "something else"}')
    for genotype in ("DARTS_V9", str(tmp_path / "bad.json")):
        result = run("run_eval.py", f"--genotype={genotype}", f"--run_dir={tmp_path / 'run'}")
        assert result.returncode == 1
        assert result.stderr.count("error: ") == 1
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "run").exists()


def test_weights_from_pytorch_are_tested_and_served_without_training(tmp_path):
    """Three images, two of them in the folder of the class that the PyTorch network says."""
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
