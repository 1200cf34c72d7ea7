import dataclasses
import json
import os

import pytest
from setting_cases import FIELDS, element_type

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import ConfigurationError, RunDirectoryError
from eoinas_tf.experiment.run_directory import RunDirectory

PATHS = {
    "class_weights",
    "run_dir",
    "data_dir",
    "dataset",
    "genotype",
    "select_from",
    "pytorch_weights",
    "initial_weights",
}


def given(field, path):
    text = field.metadata["path_prefix"] + path
    return (text, "b") if element_type(field)[1] else text


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_every_setting_whose_help_names_a_file_or_folder_is_a_path():
    found = {
        parameters.values[1].name for parameters in FIELDS if parameters.values[1].metadata["path_prefix"] is not None
    }
    assert found == PATHS


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_a_tilde_is_the_home_folder_in_every_path_and_in_no_other_setting(config_class, field, home):
    if field.name in PATHS:
        for path, expected in (("~/a b", f"{home}/a b"), ("~", str(home)), ("/x/~", "/x/~"), ("/x", "/x")):
            config = config_class(**{field.name: given(field, path)})
            assert getattr(config, field.name) == given(field, expected)
            assert dataclasses.replace(config) == config
        with pytest.raises(ConfigurationError, match=f"--{field.name}: no home folder is known for ~nobody-here"):
            config_class(**{field.name: given(field, "~nobody-here/x")})


def test_a_relative_folder_of_images_is_resolved_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = SearchConfig(dataset="folder:images")
    assert config.dataset == f"folder:{tmp_path}/images"
    monkeypatch.chdir("/")
    assert dataclasses.replace(config).dataset == f"folder:{tmp_path}/images"
    # Values that are not paths, and None.
    assert SearchConfig(dataset="cifar10").dataset == "cifar10"
    assert SearchConfig(dataset="folder:").dataset == "folder:"
    assert SearchConfig(run_dir="runs/a").run_dir == "runs/a"


def test_a_folder_of_images_has_one_name_however_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in ("images", "images/", "./images", f"{tmp_path}//images/", "~/../images"):
        dataset = SearchConfig(dataset=f"folder:{text}").dataset
        # `..` stays, because what it means depends on links.
        assert dataset == f"folder:{tmp_path}/{'home/../' if '..' in text else ''}images"


def test_a_run_is_not_continued_on_the_same_path_below_another_folder(tmp_path, monkeypatch):
    def config():
        return SearchConfig(run_dir=str(tmp_path / "run"), dataset="folder:images")

    monkeypatch.chdir(tmp_path)
    with RunDirectory(config()) as run:
        run.metrics.write_text("")
    monkeypatch.chdir("/")
    with pytest.raises(RunDirectoryError, match=rf"--dataset: folder:{tmp_path}/images -> folder:/images"):
        RunDirectory(config()).__enter__()


def test_a_run_of_an_earlier_version_which_stored_paths_as_given_is_continued(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in ("folder:images", "folder:~/images"):
        config = SearchConfig(run_dir=str(tmp_path / "run"), dataset=text)
        with RunDirectory(config) as run:
            run.metrics.write_text("")
        stored = {**json.loads(run.config_file.read_text()), "dataset": text}
        run.config_file.write_text(json.dumps(stored))
        with RunDirectory(config):
            pass
        run.config_file.unlink()
        run.metrics.unlink()


def test_a_folder_whose_path_is_not_utf_8_is_refused_where_it_becomes_part_of_a_setting(tmp_path, monkeypatch):
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(ConfigurationError, match="--dataset must be UTF-8 text"):
        SearchConfig(dataset="folder:images")
