import dataclasses
import json

import pytest

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError, WeightsError
from eoinas_tf.evaluation.inherited_settings import with_inherited_settings
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

SEARCH = SearchConfig(
    dataset="folder:/images/flowers",
    image_size=(24, 32),
    crop_padding=2,
    horizontal_flip=False,
    data_dir="/data",
    on_bad_image="skip",
    operation_modules=("my_operations",),
    epochs=9,
    seed=5,
)
TAKEN = {
    "dataset": "folder:/images/flowers",
    "image_size": (24, 32),
    "crop_padding": 2,
    "horizontal_flip": False,
    "data_dir": "/data",
    "on_bad_image": "skip",
    "operation_modules": ("my_operations",),
}


@pytest.fixture
def run_dir(tmp_path):
    write_run(tmp_path, SEARCH)
    return tmp_path


def write_run(folder, config):
    (folder / "genotype.json").write_text("{}")
    settings = {"kind": type(config).__name__, **json.loads(config.to_json())}
    (folder / "config.json").write_text(json.dumps(settings))


def settings(**given):
    """Returns the arguments of `with_inherited_settings`: every setting, and the names of the given ones."""
    values = {field.name: field.default for field in dataclasses.fields(EvaluationConfig)}
    return {**values, **given}, frozenset(given)


def test_what_is_not_given_comes_from_the_search(run_dir, capsys):
    values, given = settings(genotype=str(run_dir / "genotype.json"))
    assert with_inherited_settings(values, given)[0] == {**values, **TAKEN}
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"from {run_dir}/config.json: --operation_modules=my_operations --dataset=folder:/images/flowers "
        "--data_dir=/data --image_size=24,32 --on_bad_image=skip --crop_padding=2 --nohorizontal_flip"
    )


def test_a_quiet_training_takes_it_without_a_word(run_dir, capsys):
    values, given = settings(genotype=str(run_dir / "genotype.json"), quiet=True)
    assert with_inherited_settings(values, given)[0] == {**values, **TAKEN}
    assert capsys.readouterr().err == ""


def test_what_is_given_wins_even_where_it_is_the_default(run_dir):
    values, given = settings(genotype=str(run_dir / "genotype.json"), crop_padding=4, image_size=(8, 8))
    expected = {**values, **TAKEN, "crop_padding": 4, "image_size": (8, 8)}
    assert with_inherited_settings(values, given)[0] == expected


def test_the_same_data_set_given_again_changes_nothing(run_dir):
    values, given = settings(genotype=str(run_dir / "genotype.json"), dataset=SEARCH.dataset)
    assert with_inherited_settings(values, given)[0] == {**values, **TAKEN}


def test_a_folder_is_the_same_data_set_however_it_is_written(run_dir):
    stored = run_dir / "config.json"
    for before, now in (("", "/"), ("/", "")):  # Earlier versions stored it as it was given.
        stored.write_text(stored.read_text().replace(SEARCH.dataset, SEARCH.dataset + before))
        values, given = settings(genotype=str(run_dir / "genotype.json"), dataset=SEARCH.dataset + now)
        taken = with_inherited_settings(values, given)[0]
        assert (taken["image_size"], taken["horizontal_flip"]) == ((24, 32), False)


def test_of_another_data_set_only_the_operations_are_taken(run_dir):
    values, given = settings(genotype=str(run_dir / "genotype.json"), dataset="cifar10")
    assert with_inherited_settings(values, given)[0] == {**values, "operation_modules": ("my_operations",)}


def test_a_training_passes_its_normalization_on(tmp_path):
    write_run(tmp_path, EvaluationConfig(genotype="DARTS_V2", normalization="cifar10"))
    values, given = settings(genotype=str(tmp_path / "genotype.json"))
    assert with_inherited_settings(values, given)[0] == {**values, "normalization": "cifar10"}


def test_nothing_is_said_where_nothing_differs(tmp_path, capsys):
    write_run(tmp_path, SearchConfig())
    values, given = settings(genotype=str(tmp_path / "genotype.json"))
    assert with_inherited_settings(values, given)[0] == values
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("content", ["[]", "{}", '{"kind": "other", "dataset": "mnist"}'])
def test_a_file_of_another_program_is_left_alone(run_dir, content):
    (run_dir / "config.json").write_text(content)
    values, given = settings(genotype=str(run_dir / "genotype.json"))
    assert with_inherited_settings(values, given)[0] == values


@pytest.mark.parametrize("genotype", ["DARTS_V2", "", "no/such.json"])
def test_without_a_file_there_is_nothing_to_take(run_dir, monkeypatch, genotype):
    monkeypatch.chdir(run_dir)
    values, given = settings(genotype=genotype)
    assert with_inherited_settings(values, given)[0] == values


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "config.json, beside --genotype, cannot be read"),
        ('{"kind": "SearchConfig", "image_size": [2, 2]}', "config.json: --image_size must be at least 4. Received: 2"),
        ('{"kind": "SearchConfig", "dataset": null}', "config.json: --dataset must be of type str"),
        ('{"kind": "SearchConfig", "horizontal_flip": {}}', "config.json: --horizontal_flip must be of type bool"),
    ],
)
def test_a_damaged_file_is_one_line(run_dir, content, message):
    (run_dir / "config.json").write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        with_inherited_settings(*settings(genotype=str(run_dir / "genotype.json")))


@pytest.fixture
def weights(tmp_path):
    """A finished training run whose weights are the initial weights of another."""
    folder = tmp_path / "weights"
    folder.mkdir()
    config = EvaluationConfig(cells=5, init_channels=8, dataset="cifar100", crop_padding=2)
    write_run(folder, config)
    (folder / "genotype.json").write_text(PUBLISHED_GENOTYPES["DARTS_V2"].to_json())
    (folder / "summary.json").write_text(json.dumps({"image_shape": [24, 32, 3], "init_channels": 6}))
    (folder / "dataset.json").write_text(json.dumps({"class_names": ["a", "b"]}))
    return folder


def test_the_network_comes_from_the_initial_weights(weights, capsys):
    values, given = settings(initial_weights=str(weights))
    taken = {"cells": 5, "init_channels": 6, "image_size": (24, 32)}
    assert with_inherited_settings(values, given)[0] == {**values, **taken}
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"from {weights}: --cells=5 --init_channels=6 --image_size=24,32"


def test_given_settings_may_not_contradict_the_initial_weights(weights):
    values, given = settings(initial_weights=str(weights), cells=5, image_size=(8, 8))
    assert with_inherited_settings(values, given)[0] == {**values, "init_channels": 6}
    with pytest.raises(ConfigurationError, match=r"--cells contradicts .*has 5; leave --cells out. Received: 20"):
        with_inherited_settings(*settings(initial_weights=str(weights), cells=20))


def test_with_a_genotype_of_a_search_the_image_size_is_the_weights(weights, run_dir):
    values, given = settings(initial_weights=str(weights), genotype=str(run_dir / "genotype.json"))
    taken = {"cells": 5, "init_channels": 6, "image_size": (24, 32)}
    assert with_inherited_settings(values, given)[0] == {**values, **TAKEN, **taken}


@pytest.mark.parametrize("source", ["genotype", "initial_weights"])
def test_what_was_taken_is_determined_even_if_it_is_the_usual_value(run_dir, weights, source):
    usual = {"crop_padding": 4, "image_size": None, "cells": 20}
    write_run(run_dir, dataclasses.replace(SEARCH, crop_padding=4, image_size=None))
    write_run(weights, EvaluationConfig(cells=20))
    (weights / "genotype.json").write_text(PUBLISHED_GENOTYPES["DARTS_V2"].to_json())
    path = {"genotype": run_dir / "genotype.json", "initial_weights": weights}[source]
    values, given = settings(**{source: str(path)})
    completed, determined = with_inherited_settings(values, given)
    expected = {"genotype": {"crop_padding", "image_size", "dataset"}, "initial_weights": {"cells", "image_size"}}
    others = {"genotype": {"cells"}, "initial_weights": {"crop_padding", "dataset"}}
    assert {source, *expected[source]} <= determined
    assert not others[source] & determined
    same = [name for name in usual if name != "image_size" or source == "genotype"]
    assert [completed[name] for name in same] == [usual[name] for name in same]
    assert with_inherited_settings(*settings())[1] == set()


def test_initial_weights_that_are_not_there_are_one_line():
    with pytest.raises(WeightsError, match="--initial_weights=no/such cannot be read"):
        with_inherited_settings(*settings(initial_weights="no/such"))
