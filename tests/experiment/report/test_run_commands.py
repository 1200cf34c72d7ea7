import dataclasses
import json
import os
import shlex
from pathlib import Path

import pytest
from small_runs import write_search, write_training

from eoinas_tf import preset_files
from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.evaluation.inherited_settings import with_inherited_settings
from eoinas_tf.experiment.report.run_commands import next_command_line, run_command_line
from eoinas_tf.experiment.report.run_record import read_run
from eoinas_tf.flag_definitions import config_from_arguments


def parsed(kind, command):
    *program, subcommand, arguments = *shlex.split(command)[:4], shlex.split(command)[4:]
    assert program == ["python", "-m", "eoinas_tf"]
    assert subcommand == ("search" if kind is SearchConfig else "eval")
    return config_from_arguments(kind, arguments)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"warmup_epochs": 3, "horizontal_flip": False, "image_size": (8, 8), "learning_rate": 0.5},
        {"method": "pdarts", "epochs": 30, "skip_dropout": (0.0, 0.1, 0.2)},
        {"method": "darts", "max_skip_connections": 2, "split_seed": 7},
    ],
)
def test_the_command_of_a_search_gives_the_same_settings(tmp_path, settings):
    settings = {**settings}
    settings.pop("learning_rate", None)
    epochs = settings.pop("epochs", 8)
    folder = write_search(tmp_path / "a run", **settings)
    record = read_run(folder)
    changed = dataclasses.replace(record.config, epochs=epochs)
    (folder / "config.json").write_text('{"kind": "SearchConfig", ' + changed.to_json().lstrip()[1:])
    record = read_run(folder)
    command = run_command_line(record)
    assert parsed(SearchConfig, command) == record.config
    assert "--batch_size=32" in command
    assert "--cells" not in command
    assert ("--warmup_epochs" in command) == ("warmup_epochs" in settings)


def test_the_command_of_a_run_that_max_steps_no_longer_ends_is_without_it(tmp_path):
    for folder, expected in (
        (write_search(tmp_path / "search"), 0),
        (write_training(tmp_path / "whole", finished=True), 0),
        (write_training(tmp_path / "cut", finished=False), 20),
    ):
        settings = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**settings, "max_steps": 20}))
        record = read_run(folder)
        command = run_command_line(record)
        assert parsed(type(record.config), command).max_steps == expected


def test_the_command_of_a_training_gives_the_same_settings(training):
    record = read_run(training)
    assert parsed(EvaluationConfig, run_command_line(record)) == record.config


def as_run(command):
    """Returns the settings that `eoinas eval` has in the end: those of the command, and those of the search."""
    config = parsed(EvaluationConfig, command)
    given = {word.partition("=")[0].removeprefix("--").removeprefix("no") for word in shlex.split(command)[4:]}
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return EvaluationConfig(**with_inherited_settings(values, given)[0])


@pytest.mark.parametrize(
    "others",
    [{"dataset": "cifar10"}, {"crop_padding": 4, "horizontal_flip": True}, {"image_size": (9, 9)}, {"cells": 5}],
)
def test_the_command_of_a_training_on_other_images_takes_none_of_those_of_its_search(tmp_path, others):
    search = write_search(tmp_path / "search", image_size=(8, 8), crop_padding=1, horizontal_flip=False)
    inherited = {} if "dataset" in others else {"image_size": (8, 8), "crop_padding": 1, "horizontal_flip": False}
    config = EvaluationConfig(
        run_dir=str(tmp_path / "run"), genotype=str(search / "genotype.json"), epochs=2,
        **{"dataset": "digits", **inherited, **others},
    )  # fmt: skip
    folder = write_training(tmp_path / "run")
    (folder / "config.json").write_text(json.dumps({"kind": "EvaluationConfig", **json.loads(config.to_json())}))
    assert as_run(run_command_line(read_run(folder))) == config
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps({**summary, "finished": False}))
    assert as_run(next_command_line(read_run(folder))[1]) == config


def test_cells_given_in_python_are_those_of_the_folder(tmp_path):
    folder = write_training(tmp_path / "run")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "genotype": "genotype.json"}))
    assert as_run(run_command_line(read_run(folder))).genotype == str(folder / "genotype.json")


def test_no_command_repeats_a_run_on_arrays(tmp_path):
    for folder in (write_search(tmp_path / "search"), write_training(tmp_path / "run", finished=False)):
        settings = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**settings, "dataset": "arrays"}))
        assert run_command_line(read_run(folder)) is None
    words, command = next_command_line(read_run(tmp_path / "run"))
    assert words.startswith("Go on with the training from Python")
    assert command == f"tensorboard --logdir={tmp_path / 'run'}"


@pytest.mark.parametrize("name", [".", "..", "../here", "../here/."])
def test_the_folder_where_one_stands_has_a_name(tmp_path, monkeypatch, name):
    folder = write_search(tmp_path / "here")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below" if name == ".." else folder)
    command = next_command_line(read_run(Path(name)))[1]
    run_dir = next(word for word in shlex.split(command) if word.startswith("--run_dir"))
    assert os.path.abspath(run_dir.removeprefix("--run_dir=")) == f"{folder}_eval"


def without_preset(command):
    """`--preset=auto` is the command line's own."""
    return command.replace(f" --{preset_files.FLAG}={preset_files.AUTOMATIC} ", " ")


def test_after_a_search_comes_the_training_on_the_same_images(tmp_path):
    folder = write_search(tmp_path / "search", horizontal_flip=False, image_size=(8, 8), crop_padding=1)
    config = parsed(EvaluationConfig, without_preset(next_command_line(read_run(folder))[1]))
    assert config.genotype == str(folder / "genotype.json")
    assert (config.dataset, config.image_size, config.crop_padding) == ("digits", (8, 8), 1)
    assert not config.horizontal_flip
    assert config.run_dir != str(folder)


@pytest.mark.parametrize(
    ("dataset", "size", "fits"),
    [("cifar10", None, False), ("cifar10", [16, 16], True), ("digits", None, True), ("mnist", None, True)],
)
def test_only_the_papers_images_get_the_papers_network(tmp_path, dataset, size, fits):
    folder = write_search(tmp_path / "search")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "dataset": dataset, "image_size": size}))
    command = next_command_line(read_run(folder))[1]
    assert (command != without_preset(command)) == fits


def test_after_a_search_on_a_folder_come_sizes_that_fit_its_images(tmp_path):
    folder = write_search(tmp_path / "search", crop_padding=1)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "dataset": "folder:/my images"}))
    words, command = next_command_line(read_run(folder))
    assert words == "Train and test the found cells in a network of a size that fits the images:"
    assert shlex.split(command)[3:] == [
        "eval",
        f"--{preset_files.FLAG}={preset_files.AUTOMATIC}",
        f"--run_dir={folder}_eval",
        f"--genotype={folder / 'genotype.json'}",
        "--dataset=folder:/my images",
        "--crop_padding=1",
    ]


def test_after_a_search_on_arrays_comes_a_command_that_needs_none(tmp_path):
    folder = write_search(tmp_path / "search")
    settings = json.loads((folder / "config.json").read_text())
    for tensorboard, expected in ((True, f"tensorboard --logdir={folder}"), (False, f"eoinas_tf report {folder}")):
        stored = {**settings, "dataset": "arrays", "tensorboard": tensorboard}
        (folder / "config.json").write_text(json.dumps(stored))
        words, command = next_command_line(read_run(folder))
        assert f'eoinas_tf.train("{folder}/genotype.json", (x, y))' in words
        assert command.endswith(expected)


def test_a_weighted_search_is_followed_by_a_weighted_training(tmp_path):
    folder = write_search(tmp_path / "search", class_weights="balanced")
    command = without_preset(next_command_line(read_run(folder))[1])
    assert parsed(EvaluationConfig, command).class_weights == "balanced"


def test_after_a_training_comes_its_export_or_its_rest(tmp_path, training):
    words, command = next_command_line(read_run(training))
    assert shlex.split(command) == ["python", "-m", "eoinas_tf", "predict", f"--model={training}", "IMAGE"]
    folder = write_training(tmp_path / "cut", finished=False)
    words, command = next_command_line(read_run(folder))
    assert "--max_steps" in words
    assert parsed(EvaluationConfig, command).max_steps == 0
    folder = write_training(tmp_path / "bare", saved_model=None)
    (folder / "summary.json").write_text('{"test_accuracy": 0.5}')
    assert next_command_line(read_run(folder))[1] == f"tensorboard --logdir={folder}"


def test_a_run_by_hours_is_repeated_by_its_epochs(tmp_path):
    folder = write_search(tmp_path / "search")
    record = read_run(folder)
    changed = SearchConfig(**{**dataclasses.asdict(record.config), "hours": 0.5})
    (folder / "config.json").write_text('{"kind": "SearchConfig", ' + changed.to_json().lstrip()[1:])
    command = run_command_line(read_run(folder))
    assert "--hours" not in command
    assert parsed(SearchConfig, command) == record.config
