import dataclasses
import json
import sys

import pytest

from eoinas_tf.commands.search import run_one_search
from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError, EoinasError
from eoinas_tf.evaluation.inherited_settings import with_inherited_settings
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.search import seed_selection
from eoinas_tf.search.seed_selection import search_seeds, with_images_of_choice
from eoinas_tf.space import operation_names
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES


def finished_search(folder, name, accuracy, **settings):
    folder.mkdir(parents=True)
    config = SearchConfig(**settings)
    (folder / "config.json").write_text(json.dumps({"kind": "SearchConfig", **json.loads(config.to_json())}))
    (folder / "genotype.json").write_text(PUBLISHED_GENOTYPES[name].to_json())
    (folder / "summary.json").write_text(json.dumps({"seed": 0, "validation_accuracy": accuracy}))
    return str(folder)


def test_the_best_of_finished_searches_is_kept_with_a_comparison(tmp_path):
    folders = tuple(
        finished_search(tmp_path / name, name, accuracy)
        for name, accuracy in (("DARTS_V1", 0.5), ("GDAS_V1", 0.75), ("DARTS_V2", 0.25))
    )
    search_seeds(SearchConfig(run_dir=str(tmp_path / "best"), select_from=folders), run_one_search)
    assert Genotype.read(tmp_path / "best" / "genotype.json") == PUBLISHED_GENOTYPES["GDAS_V1"]
    summary = json.loads((tmp_path / "best" / "summary.json").read_text())
    assert summary["best"] == folders[1]
    assert summary["validation_accuracy"] == 0.75
    assert summary["mean_validation_accuracy"] == 0.5
    assert [search["run_dir"] for search in summary["searches"]] == list(folders)


def test_own_operations_are_imported_before_cells_that_name_them_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(operation_names, "_REGISTERED", [])
    monkeypatch.delitem(sys.modules, "wide_operations", raising=False)  # Another test may have imported its own.
    module = "from eoinas_tf.space.operation_names import add_operation_name\nadd_operation_name('wide_conv')\n"
    (tmp_path / "wide_operations.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))
    folders = [finished_search(tmp_path / "own", "GDAS_V1", 0.75, operation_modules=("wide_operations",))]
    folders.append(finished_search(tmp_path / "other", "DARTS_V2", 0.25))
    text = PUBLISHED_GENOTYPES["GDAS_V1"].to_json().replace("sep_conv_5x5", "wide_conv")
    (tmp_path / "own" / "genotype.json").write_text(text)
    select(tmp_path / "best", folders)
    genotype = Genotype.read(tmp_path / "best" / "genotype.json")
    assert "wide_conv" in {name for name, _ in genotype.normal}
    assert json.loads((tmp_path / "best" / "config.json").read_text())["operation_modules"] == ["wide_operations"]
    (tmp_path / "own" / "config.json").write_text(
        (tmp_path / "own" / "config.json").read_text().replace("wide_operations", "no_operations")
    )
    with pytest.raises(ConfigurationError, match="No module named 'no_operations'"):
        select(tmp_path / "again", folders)


def test_a_training_of_the_chosen_cell_takes_the_images_of_its_search(tmp_path, capsys):
    images = {"dataset": "folder:/flowers", "image_size": (32, 32), "crop_padding": 2}
    folders = [
        finished_search(tmp_path / "worse", "DARTS_V1", 0.5, **images),
        finished_search(tmp_path / "better", "GDAS_V1", 0.75, **images, horizontal_flip=False),
    ]
    for _ in range(2):  # The same command again has the same settings.
        select(tmp_path / "best", folders)
    command = "".join(line.strip(" \\") + " " for line in capsys.readouterr().out.splitlines())
    assert "--dataset=folder:/flowers" in command
    values = {field.name: field.default for field in dataclasses.fields(EvaluationConfig)}
    values |= {"genotype": str(tmp_path / "best" / "genotype.json"), "quiet": True}
    inherited, _ = with_inherited_settings(values, {"genotype"})
    assert {name: inherited[name] for name in images} == images
    assert inherited["horizontal_flip"] is False


@pytest.mark.parametrize("missing", ["config.json", "genotype.json", "summary.json", None])
def test_a_folder_without_a_finished_search_is_named(tmp_path, missing):
    good = finished_search(tmp_path / "good", "DARTS_V1", 0.5)
    bad = finished_search(tmp_path / "bad", "DARTS_V2", 0.9)
    if missing:
        (tmp_path / "bad" / missing).unlink()
    else:
        (tmp_path / "bad" / "summary.json").write_text('{"validation_accuracy": "high"}')
    with pytest.raises(EoinasError, match="bad"):
        search_seeds(SearchConfig(run_dir=str(tmp_path / "best"), select_from=(good, bad)), run_one_search)
    assert not (tmp_path / "best" / "genotype.json").exists()


def test_searches_of_different_data_sets_are_not_compared(tmp_path):
    folders = (
        finished_search(tmp_path / "a", "DARTS_V1", 0.5, dataset="digits"),
        finished_search(tmp_path / "b", "DARTS_V2", 0.9, dataset="cifar10"),
    )
    with pytest.raises(ConfigurationError, match=r"different --dataset .*Received: digits in .*/a and cifar10 in .*/b"):
        search_seeds(SearchConfig(run_dir=str(tmp_path / "best"), select_from=folders), run_one_search)
    assert not (tmp_path / "best" / "genotype.json").exists()
    assert not (tmp_path / "best" / "summary.json").exists()


def test_images_that_are_given_are_not_replaced_by_those_of_the_search(tmp_path):
    folders = (
        finished_search(
            tmp_path / "on_digits", "DARTS_V1", 0.5, dataset="digits", image_size=(8, 8), horizontal_flip=False
        ),
    )

    def kept(folder):
        settings = json.loads((tmp_path / folder / "config.json").read_text())
        return [settings[name] for name in ("dataset", "data_dir", "image_size", "horizontal_flip")]

    for _ in range(2):  # The same command again is the same run.
        select(tmp_path / "best", folders, dataset="folder:/flowers")
    assert kept("best") == ["folder:/flowers", None, None, True]
    select(tmp_path / "moved", folders, dataset="digits", data_dir="/elsewhere")
    assert kept("moved") == ["digits", "/elsewhere", [8, 8], False]
    # The default values were given, too.
    select(tmp_path / "flipped", folders, horizontal_flip=True)
    assert kept("flipped") == ["digits", None, [8, 8], True]
    select(tmp_path / "paper", folders, dataset="cifar10")
    assert kept("paper") == ["cifar10", None, None, True]


def test_scores_on_different_halves_are_compared_with_a_warning(tmp_path, caplog):
    own = [finished_search(tmp_path / f"own_{seed}", "DARTS_V1", 0.5, seed=seed) for seed in (0, 1)]
    summary = select(tmp_path / "best_of_own", own)
    assert summary["warnings"] == [record.message for record in caplog.records]
    assert "different halves of the images (--split_seed 0, 1)" in summary["warnings"][0]
    shared = [finished_search(tmp_path / f"shared_{seed}", "DARTS_V1", 0.5, seed=seed, split_seed=7) for seed in (0, 1)]
    assert select(tmp_path / "best_of_shared", shared)["warnings"] == []


def select(run_dir, folders, **given):
    """Does what the command with these flags does."""
    given = {"run_dir": str(run_dir), "select_from": tuple(folders), **given}
    values = {field.name: field.default for field in dataclasses.fields(SearchConfig)} | given
    values, determined = with_images_of_choice(values, set(given))
    assert determined >= set(given)
    search_seeds(SearchConfig(**values), run_one_search)
    return json.loads((run_dir / "summary.json").read_text())


@pytest.fixture
def searched(monkeypatch):
    """Replaces the search itself, which other tests cover, and records the settings of each search."""
    configs = []

    def search(config, run_one):
        assert run_one is run_one_search
        from pathlib import Path

        configs.append(config)
        if 0 < config.max_steps < 100:
            return
        finished_search(Path(config.run_dir), "DARTS_V1" if config.seed == 5 else "DARTS_V2", config.seed / 10)

    monkeypatch.setattr(seed_selection, "_search_in_own_process", search)
    return configs


def test_each_seed_searches_in_a_folder_of_its_own(tmp_path, searched):
    config = SearchConfig(run_dir=str(tmp_path / "run"), num_seeds=3, seed=4)
    search_seeds(config, run_one_search)
    assert [search.seed for search in searched] == [4, 5, 6]
    assert {search.split_seed for search in searched} == {4}
    assert searched[1] == dataclasses.replace(config, seed=5, num_seeds=1, run_dir=str(tmp_path / "run" / "seed_5"))
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["best"].endswith("seed_6")


@pytest.mark.parametrize(("max_steps", "seeds"), [(99, [4]), (100, [4, 5])])
def test_where_max_steps_ends_a_search_the_others_are_left(tmp_path, searched, max_steps, seeds):
    config = SearchConfig(run_dir=str(tmp_path / "run"), num_seeds=2, seed=4, max_steps=max_steps)
    search_seeds(config, run_one_search)
    assert [search.seed for search in searched] == seeds
    assert searched[0].run_dir == str(tmp_path / "run" / "seed_4")
    assert (tmp_path / "run" / "summary.json").exists() == (len(seeds) == 2)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_quiet_search_says_only_the_best_and_the_next_command(tmp_path, searched, capsys, quiet):
    search_seeds(SearchConfig(run_dir=str(tmp_path / "run"), num_seeds=2, seed=4, quiet=quiet), run_one_search)
    written = capsys.readouterr().out
    assert written.startswith("best of 2: ") == quiet
    assert "best of 2: " in written
    assert ("seed 4: " in written) == (not quiet)
    assert f"--genotype={tmp_path / 'run' / 'genotype.json'}" in written


def test_a_search_that_fails_ends_all_with_its_exit_status(tmp_path):
    config = SearchConfig(run_dir=str(tmp_path / "run"), num_seeds=2, dataset="folder:" + str(tmp_path / "nothing"))
    with pytest.raises(EoinasError, match="search with seed 0 ended with status 1"):
        search_seeds(config, run_one_search)
    assert not (tmp_path / "run" / "genotype.json").exists()


def test_selecting_from_nothing_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no finished search"):
        search_seeds(
            SearchConfig(run_dir=str(tmp_path / "best"), select_from=(str(tmp_path / "none"),)), run_one_search
        )


def test_seeds_share_out_hours_and_have_the_epochs_of_the_first(tmp_path, monkeypatch):
    made = []

    def search(config, run_one):
        made.append((config.seed, config.hours, config.epochs, config.steps_per_epoch, config.warmup_epochs))
        with RunDirectory(config) as run:
            if config.epochs is None:
                run.keep_epochs(24, 5)
        if len(made) == 2:
            raise EoinasError("ended")

    monkeypatch.setattr(seed_selection, "_search_in_own_process", search)
    config = SearchConfig(run_dir=str(tmp_path / "run"), num_seeds=3, hours=1.5, quiet=True)
    for _ in range(2):
        with pytest.raises((EoinasError, ConfigurationError)):
            search_seeds(config, run_one_search)
    assert made[0] == (0, 0.5, None, None, None)
    assert made[1:] == [(seed, 0.5, 24, 5, 3) for seed in (1, 0, 1, 2)]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["epochs"] == 24
