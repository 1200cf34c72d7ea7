import json

import numpy as np
import pytest
from absl import flags
from PIL import Image

from eoinas_tf.commands.automatic_preset import fitting_size, for_search, for_training
from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import EoinasError
from eoinas_tf.flag_definitions import config_from_flags, define_flags


def parsed(kind, *arguments):
    """Returns the config from a command line with --preset=auto."""
    flag_values = flags.FlagValues()
    define_flags(kind, flag_values)
    flag_values(["command", *arguments])
    return config_from_flags(kind, flag_values, for_search if kind is SearchConfig else for_training)


def write_folder(root, sizes):
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        for number, (height, width) in enumerate(sizes):
            Image.fromarray(np.zeros((height, width), np.uint8)).save(root / name / f"{number}.png")
    return root


def test_the_digits_get_three_narrow_cells(capsys):
    # 1,437 images of 8x8 pixels; the rules for up to 2,000: 24 and 100 epochs, 16 channels, batches of 64.
    searched, trained = parsed(SearchConfig, "--dataset=digits"), parsed(EvaluationConfig, "--dataset=digits")
    assert (searched.epochs, trained.epochs) == (24, 100)
    for config in (searched, trained):
        assert (config.cells, config.init_channels, config.batch_size, config.crop_padding) == (3, 16, 64, 1)
    errors = capsys.readouterr().err
    assert errors.startswith("--preset=auto for 1,437 training images of 8x8 pixels in 10 classes: --cells=3 ")


def test_hours_leave_the_epochs_to_the_run():
    config = parsed(SearchConfig, "--dataset=digits", "--hours=1")
    assert (config.epochs, config.cells) == (None, 3)


def test_what_is_given_wins(capsys):
    config = parsed(SearchConfig, "--dataset=digits", "--cells=4", "--epochs=9", "--quiet", "--method=darts")
    assert (config.cells, config.epochs, config.architecture_learning_rate) == (4, 9, 3e-4)
    assert capsys.readouterr().err == ""


def test_folders_of_many_sizes_get_one(tmp_path):
    write_folder(tmp_path / "images", [(30, 50), (40, 33)])
    config = parsed(SearchConfig, f"--dataset=folder:{tmp_path / 'images'}")
    assert (config.image_size, config.batch_size, config.crop_padding) == ((24, 24), 4, 3)
    assert parsed(SearchConfig, f"--dataset=folder:{tmp_path / 'images'}", "--image_size=12").image_size == (12, 12)


@pytest.mark.parametrize(("sizes", "expected"), [([(9, 7)], None), ([(90, 90)], (64, 64)), ([(9, 9), (8, 8)], (8, 8))])
def test_images_of_one_size_stay_as_they_are_up_to_64_pixels(tmp_path, sizes, expected):
    assert fitting_size(write_folder(tmp_path / "images", sizes)) == expected


def test_a_run_that_began_keeps_its_settings(tmp_path):
    stored = {"kind": "SearchConfig", "cells": 6, "init_channels": 4, "epochs": 33, "image_size": [10, 10]}
    (tmp_path / "config.json").write_text(json.dumps(stored))
    (tmp_path / "metrics.jsonl").write_text("")
    config = parsed(SearchConfig, "--dataset=digits", f"--run_dir={tmp_path}", "--init_channels=5")
    assert (config.cells, config.init_channels, config.epochs, config.image_size) == (6, 5, 33, (10, 10))


def test_the_own_size_of_a_search_s_images_is_kept(tmp_path, capsys):
    folder = f"folder:{write_folder(tmp_path / 'images', [(90, 80)] * 5)}"
    values = {**vars(EvaluationConfig()), "dataset": folder}
    assert for_training(values, {"dataset"})["image_size"] == (64, 64)
    assert "of 64x64 pixels" in capsys.readouterr().err
    inherited = for_training({**values, "crop_padding": 0}, {"dataset", "image_size", "crop_padding"})
    assert (inherited["image_size"], inherited["crop_padding"], inherited["cells"]) == (None, 0, 5)
    assert "of 90x80 pixels" in capsys.readouterr().err


@pytest.mark.parametrize("dataset", ["folder:nowhere", "no_such_set"])
def test_images_that_are_not_there_are_said_so(dataset):
    with pytest.raises(EoinasError, match=r"nowhere|no_such_set"):
        parsed(SearchConfig, f"--dataset={dataset}")
