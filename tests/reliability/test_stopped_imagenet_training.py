"""ImageNet's recipe, stopped within an epoch and resumed, on photographs of many sizes; and its export."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import GENOTYPE, STOPPED, continued_from, what_a_run_leaves

EPOCHS, EPOCH_STEPS = 3, 2


@pytest.fixture
def photographs(tmp_path):
    """A folder of two classes, JPEG and PNG: 10 to train on, 4 to test on."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 5), ("val", 2)):
        for name in ("dark", "bright"):
            (tmp_path / "images" / part / name).mkdir(parents=True)
            for number in range(count):
                sides = generator.integers(20, 60, 2)
                pixels = generator.integers(0, 120, [*sides, 3]) + (130 if name == "bright" else 0)
                encode, suffix = ((tf.io.encode_jpeg, "jpg"), (tf.io.encode_png, "png"))[number == 1]
                path = tmp_path / "images" / part / name / f"{number}.{suffix}"
                path.write_bytes(encode(pixels.astype(np.uint8)).numpy())
    return tmp_path / "images"


def test_imagenets_training_that_is_stopped_continues_bit_for_bit_and_serves_any_size(zygote, photographs, tmp_path):
    (tmp_path / "genotype.json").write_text(json.dumps(GENOTYPE))
    command = [
        "run_eval", "--flagfile=flags/eval_imagenet.flags", f"--dataset=folder:{photographs}",
        f"--genotype={tmp_path / 'genotype.json'}", "--image_size=32,32", "--resize_side=36", "--cells=3",
        "--init_channels=4", "--batch_size=5", f"--epochs={EPOCHS}", "--drop_path=0.3", "--cutout_length=8",
        "--warmup_epochs=1", "--notensorboard",
    ]  # fmt: skip
    for folder, fault, expected_status in [
        ("whole", None, 0),
        ("pieces", "after_training_step:3:SIGTERM", STOPPED),
        ("pieces", None, 0),
    ]:
        status, output, _ = zygote.run(*command, f"--run_dir={tmp_path / folder}", fault=fault)
        assert status == expected_status, output
    assert continued_from(output) == EPOCH_STEPS + 1
    assert what_a_run_leaves(tmp_path / "pieces") == what_a_run_leaves(tmp_path / "whole")

    # The export resizes an image of another size as the test does, so the accuracies agree.
    served = tf.saved_model.load(str(tmp_path / "pieces" / "saved_model")).signatures["serving_default"]
    hits, paths = [], sorted((photographs / "val").rglob("*.*"))
    for path in paths:
        image = tf.io.decode_image(path.read_bytes())[None]
        hits.append(served(image=image)["class_name"].numpy()[0].decode() == path.parent.name)
    summary = json.loads((tmp_path / "pieces" / "summary.json").read_text())
    assert len(paths) == 4
    assert summary["steps"] == EPOCHS * EPOCH_STEPS
    assert summary["test_accuracy"] == np.mean(hits)
    assert summary["test_top_5_accuracy"] == 1.0
