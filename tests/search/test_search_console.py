import dataclasses
import json

import numpy as np
import pytest
from shell_words import words_of

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.search.search_console import (
    EPOCH_TITLES,
    dropped_text,
    epoch_values,
    search_header,
    search_result,
)
from eoinas_tf.space.operation_names import OPERATION_NAMES

RECORD = {
    "epoch": 12, "weights_accuracy": 0.5, "weights_loss": 1.25, "architecture_accuracy": None,
    "architecture_loss": None,
}  # fmt: skip


def test_the_header_says_what_is_searched(search):
    split = ImageSplit.from_pixels(np.zeros((6, 8, 8, 1), np.uint8), np.array([0, 1, 2] * 2))
    dataset = ImageDataset("small", ("a", "b", "c"), (8, 8, 1), split, split.subset(np.arange(3)))
    config = dataclasses.replace(search.config, run_dir="runs/x", split_seed=7)
    halves = np.arange(3), np.arange(3, 6)
    first, rows = search_header(config, dataset, halves, search.network, search.method, total_epochs=160)
    assert first == "small: 6 training images, 3 test images, 3 classes"
    text = " ".join(rows.split())
    assert "3 images train the weights, 3 the architecture (--split_seed=7)" in text
    assert "super network 3 cells, 2 channels, 8 operations on each of 14 edges" in text
    assert "epochs 160 (warm-up: 20), each of 5 steps of 4 images" in text
    assert "k parameters; " in text
    assert "k multiply-adds an image" in text
    assert all(len(line) < 80 for line in rows.splitlines())


def test_a_row_has_a_text_under_each_title():
    dropped = np.zeros((2, 14, 8), bool)
    values = epoch_values(RECORD, 160, {"images_per_second": 123.4}, dropped, "0:01:00")
    assert len(values) == len(EPOCH_TITLES)
    assert values == ("12/160", "50.00", "1.2500", "-", "-", "123", "-", "0:01:00")
    dropped[0, 3, 1] = dropped[1, :2, 7] = True
    assert epoch_values(RECORD, 160, {"images_per_second": 1.0}, dropped, "-")[-2:] == ("3", "-")


def test_what_was_dropped_is_counted_by_operation():
    dropped = np.zeros((2, 14, 8), bool)
    assert dropped_text(dropped, OPERATION_NAMES) == ""
    dropped[0, 3, OPERATION_NAMES.index("skip_connect")] = True
    dropped[1, :2, OPERATION_NAMES.index("none")] = True
    assert dropped_text(dropped, OPERATION_NAMES).strip() == "dropped: 2 none, 1 skip_connect"
    dropped[:] = True
    assert all(len(line) < 80 for line in dropped_text(dropped, OPERATION_NAMES).splitlines())


@pytest.mark.parametrize(
    ("accuracy", "score"), [(0.4125, "41.25 % of the validation half"), (None, "no network was trained")]
)
def test_the_result_names_the_score_the_places_and_the_next_command(tmp_path, accuracy, score):
    config = SearchConfig(run_dir=str(tmp_path / "run"), dataset="digits")
    summary = {"validation_accuracy": accuracy, "skip_connections": {"normal": 3, "reduce": 1}}
    with RunDirectory(config) as run:
        run.summary.write_text(json.dumps(summary))
        text = search_result(run, summary)
    lines = text.splitlines()
    assert lines[0] == f"found {run.genotype}"
    assert score in " ".join(text.split())
    assert "3 in the normal cell, 1 in the reduction cell" in text
    assert str(run.report) in text
    assert ("tensorboard --logdir" in text) == (accuracy is not None)
    command = words_of(text[text.index("  python -m eoinas_tf eval ") :])
    assert command[:4] == ["python", "-m", "eoinas_tf", "eval"]
    assert {f"--genotype={run.genotype}", "--dataset=digits"} <= set(command)
