import json
from pathlib import Path

import pytest

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.search.search_comparison import MUST_AGREE, check_comparable, read_search_settings
from eoinas_tf.space.operation_names import OPERATION_NAMES

FOLDERS = (Path("runs/a"), Path("runs/b"), Path("runs/c"))
OTHER = {
    "dataset": "digits", "image_size": (16, 16), "cells": 5, "init_channels": 8, "batch_size": 32, "epochs": 80,
    "steps_per_epoch": 50, "operations": ("skip_connect", "sep_conv_3x3"), "depth_growth": (3, 5),
}  # fmt: skip


def settings_of(**settings):
    return {"kind": "SearchConfig", **json.loads(SearchConfig(**settings).to_json())}


@pytest.mark.parametrize("name", MUST_AGREE)
def test_what_makes_scores_incomparable_is_named_with_both_folders(name):
    own = {"method": "pdarts"} if name == "depth_growth" else {}
    given = ({}, {}, {name: OTHER[name]})
    settings = [settings_of(split_seed=0, **own, **one) for one in given]
    with pytest.raises(ConfigurationError) as refusal:
        check_comparable(FOLDERS, settings)
    message = str(refusal.value)
    assert message.startswith(f"searches with different --{name} cannot be compared")
    first = settings[0][name]
    other = sorted(OTHER[name]) if name == "operations" else OTHER[name]
    other = ",".join(map(str, other)) if isinstance(other, list | tuple) else other
    first = sorted(OPERATION_NAMES) if name == "operations" else first
    first = ",".join(map(str, first)) if isinstance(first, list | tuple) else first
    assert f"Received: {first} in runs/a and {other} in runs/c; " in message
    assert "\n" not in message


def test_searches_may_differ_in_what_chooses_the_cell():
    chosen = ({"importance_weight": 0.0}, {"architecture_learning_rate": 0.1}, {"seed": 3, "split_seed": 0})
    assert check_comparable(FOLDERS, [settings_of(**settings) for settings in chosen]) == ()


def test_no_operations_are_the_papers_eight(tmp_path):
    """A search of an earlier version, one with the default, and one that names the same operations in another order."""
    given = [settings_of(), settings_of(), settings_of(operations=OPERATION_NAMES[::-1])]
    del given[0]["operations"], given[0]["depth_growth"]
    read = []
    for number, settings in enumerate(given):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "config.json").write_text(json.dumps(settings))
        read.append(read_search_settings(tmp_path / str(number)))
    assert check_comparable(FOLDERS, read) == ()


def test_different_methods_are_told():
    (warning,) = check_comparable(FOLDERS, [settings_of(method=name) for name in ("gdas", "eoinas", "gdas")])
    assert "different methods (eoinas, gdas)" in warning


def test_different_halves_are_told():
    (warning,) = check_comparable(FOLDERS, [settings_of(seed=seed) for seed in (2, 0, 2)])
    assert "(--split_seed 0, 2)" in warning


def test_folders_from_before_the_setting_were_divided_by_their_seed():
    settings = [settings_of(seed=seed) for seed in (0, 0, 1)]
    for search in settings:
        del search["split_seed"]
    assert "(--split_seed 0, 1)" in check_comparable(FOLDERS, settings)[0]


def write_images(folder, digest, images=3):
    folder.mkdir()
    part = {"images": images, "digest": digest, "images_by_class": [images], "digests_by_class": [digest]}
    record = {"source": {}, "class_names": ["ant"], "parts": {"train": part}}
    (folder / "dataset.json").write_text(json.dumps(record))


def test_one_name_may_stand_for_other_images(tmp_path):
    folders = [tmp_path / name for name in ("a", "b", "c", "of an earlier version")]
    for folder, digest in zip(folders, ("1f", "1f", "2e"), strict=False):
        write_images(folder, digest)
    same = [settings_of(split_seed=0)] * 3
    assert check_comparable([folders[0], folders[3], folders[1]], same) == ()
    with pytest.raises(
        ConfigurationError, match=r"different images .*/a and .*/c .train: other images, in class 'ant'"
    ):
        check_comparable(folders[:3], same)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", ValueError),
        ("[1]", TypeError),
        ('{"kind": "EvaluationConfig"}', ValueError),
        ('{"kind": "SearchConfig"}', KeyError),
        ("{}", KeyError),
    ],
)
def test_settings_that_are_no_search_s(tmp_path, content, error):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(error):
        read_search_settings(tmp_path)


def test_settings_are_read_as_they_were_written(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(settings_of(seed=3)))
    assert read_search_settings(tmp_path) == settings_of(seed=3)


def test_a_search_of_a_version_without_shorter_epochs_had_whole_ones(tmp_path):
    settings = settings_of()
    del settings["steps_per_epoch"]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert read_search_settings(tmp_path)["steps_per_epoch"] is None


def test_a_folder_of_images_is_the_same_however_an_earlier_version_stored_it(tmp_path):
    for name, dataset in (("old", "folder:/x/images/"), ("new", "folder:/x/images")):
        (tmp_path / name).mkdir()
        stored = {**settings_of(split_seed=0), "dataset": dataset}
        (tmp_path / name / "config.json").write_text(json.dumps(stored))
    folders = [tmp_path / "old", tmp_path / "new"]
    assert check_comparable(folders, [read_search_settings(folder) for folder in folders]) == ()
