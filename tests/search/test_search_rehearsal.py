"""A search that chooses its epochs by hours equals, in every value, one with that number of epochs set."""

import dataclasses
import functools
import json
import tempfile
import time

import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.search import search_rehearsal
from eoinas_tf.search.search_loop import run_search, train_epoch
from eoinas_tf.search.search_rehearsal import check_rehearsal, check_search, kinds_of_epochs, search_within_hours
from eoinas_tf.training.time_budget import ChosenEpochs, RunCost, fewest_epochs

pytestmark = pytest.mark.usefixtures("pictures_are_not_drawn")

TINY = {
    "dataset": "digits", "cells": 3, "init_channels": 2, "batch_size": 330, "crop_padding": 1,
    "horizontal_flip": False, "operations": ("skip_connect", "max_pool_3x3"),
}  # fmt: skip
FILES = ("metrics.jsonl", "pruning.jsonl", "genotype.json", "summary.json")
# Of all the steps that the images make, a part.
CHOSEN = ChosenEpochs(2, 1)


def test_the_kinds_of_epochs_follow_the_warm_up():
    assert kinds_of_epochs(SearchConfig(epochs=16)) == [("warm-up", 0)] * 2 + [("search", 0)] * 14
    assert kinds_of_epochs(SearchConfig(epochs=9, warmup_epochs=0))[0] == ("search", 0)
    assert kinds_of_epochs(SearchConfig(epochs=5, method="random_search")) == [("search", 0)] * 5


def test_the_kinds_of_epochs_follow_the_stages():
    # 10 epochs are divided into 4, 3 and 3; 0.4 of each are 1.6, 1.2 and 1.2 epochs.
    assert kinds_of_epochs(SearchConfig(epochs=10, method="pdarts")) == [
        *[("warm-up in stage 1", 0)] * 2, *[("search in stage 1", 0)] * 2,
        ("warm-up in stage 2", 1), *[("search in stage 2", 1)] * 2,
        ("warm-up in stage 3", 2), *[("search in stage 3", 2)] * 2,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "fewest"),
    [({}, 8), ({"operations": ("none", "skip_connect")}, 2), ({"method": "pdarts"}, 3), ({"method": "darts"}, 1)],
)
def test_too_few_epochs_make_no_search(settings, fewest):
    config = SearchConfig(hours=1.0, **settings)
    check_search(config, fewest)
    if fewest > 1:
        with pytest.raises(ConfigurationError):
            check_search(config, fewest - 1)


def test_epochs_that_are_all_warm_up_make_no_search():
    config = SearchConfig(hours=1.0, method="darts", warmup_epochs=20)
    check_search(config, 21)
    with pytest.raises(ConfigurationError, match="never trained: the warm-up takes all 20 epochs"):
        check_search(config, 20)


def test_max_steps_allows_no_epochs_that_the_whole_search_would_not_have():
    with pytest.raises(ConfigurationError, match="use at least 8 epochs"):
        check_search(SearchConfig(hours=1.0, max_steps=20), 5)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"method": "darts", "warmup_epochs": 20},
        {"warmup_epochs": 20, "pruning_after_epoch": 20, "pruning_every_epochs": 20},
        {"method": "pdarts"},
        {"method": "pdarts", "stage_warmup": 0.05},
        {"method": "random_search"},
    ],
)
def test_a_rehearsal_has_every_kind_of_epoch_of_a_longer_search(settings):
    config = SearchConfig(hours=1.0, **settings)
    epochs = fewest_epochs(functools.partial(check_rehearsal, config))
    kinds = dict(kinds_of_epochs(dataclasses.replace(config, epochs=epochs)))
    for longer in (epochs + 1, 40, 177, 300):
        assert kinds.keys() >= dict(kinds_of_epochs(dataclasses.replace(config, epochs=longer))).keys()


@pytest.fixture
def chosen(monkeypatch, tmp_path):
    """Lets every search choose two epochs of few steps; returns the costs that it saw."""
    costs = []
    monkeypatch.setattr(RunCost, "choose_epochs", lambda cost, config, spent: costs.append((cost, spent)) or CHOSEN)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return costs


def left_behind(folder):
    found = {name: (folder / name).read_bytes() for name in FILES}
    newest = max((folder / "checkpoints").iterdir())
    reader = tf.train.load_checkpoint(str(newest / "variables"))
    # Without the names of layers, whose numbers increase from run to run.
    names = sorted(name for name in reader.get_variable_to_shape_map() if name != "_CHECKPOINTABLE_OBJECT_GRAPH")
    assert len(names) > 20
    return {**found, newest.name: [(name, reader.get_tensor(name).tobytes()) for name in names]}


def test_it_is_the_search_of_so_many_epochs(chosen, tmp_path, capsys):
    by_hours = SearchConfig(run_dir=str(tmp_path / "hours"), hours=1.0, **TINY)
    run_search(by_hours, seconds_before=7.0)
    output = capsys.readouterr().out
    assert (output.count("\nfound "), output.count("1/2"), output.count("chosen for")) == (1, 1, 0)
    ((cost, spent),) = chosen
    assert spent > 7.0
    assert cost.epoch_steps == 2  # 719 images of each half in batches of 330.
    assert cost.count(16) == {"warm-up": 2, "search": 14}
    assert set(cost.kinds) == {"warm-up", "search"}
    assert all(kind.seconds_per_step > 0 and kind.seconds_around_steps > 0 for kind in cost.kinds.values())
    assert cost.seconds_around_epochs > 0
    assert list((tmp_path / "temporary").glob("eoinas_rehearsal_*")) == []
    run_search(SearchConfig(run_dir=str(tmp_path / "epochs"), epochs=2, steps_per_epoch=1, **TINY))
    assert left_behind(tmp_path / "hours") == left_behind(tmp_path / "epochs")
    stored = json.loads((tmp_path / "hours" / "config.json").read_text())
    assert (stored["hours"], stored["epochs"], stored["steps_per_epoch"]) == (1.0, 2, 1)
    # A finished search is found again without another rehearsal.
    run_search(by_hours)
    assert len(chosen) == 1


@pytest.mark.slow
def test_every_stage_is_rehearsed_with_its_own_network(chosen, tmp_path, monkeypatch):
    settings = {**TINY, "method": "pdarts", "depth_growth": (1.0, 1.34), "operations_kept": (2, 1), "quiet": True}
    config = SearchConfig(run_dir=str(tmp_path / "run"), hours=1.0, **settings)
    monkeypatch.setattr(
        RunCost, "choose_epochs", lambda cost, config, spent: chosen.append((cost, spent)) or ChosenEpochs(3, None)
    )
    assert search_within_hours(config, None, 0.0, train_epoch)[0].epochs == 3
    ((cost, _),) = chosen
    assert set(cost.kinds) == {f"{kind} in stage {stage}" for kind in ("warm-up", "search") for stage in (1, 2, 3)}
    assert cost.count(3) == {f"search in stage {stage}": 1 for stage in (1, 2, 3)}


def test_cells_that_are_scored_at_the_end_are_counted(chosen, tmp_path, monkeypatch):
    monkeypatch.setattr(search_rehearsal, "derived_cell_accuracy", lambda *arguments: time.sleep(0.2))
    config = SearchConfig(
        run_dir=str(tmp_path / "run"), hours=1.0, method="random_search", random_search_cells=5002, quiet=True, **TINY
    )
    search_within_hours(config, None, 0.0, train_epoch)
    ((cost, _),) = chosen
    # Not run, but counted: far more than all else that a rehearsal of two epochs can take.
    assert cost.seconds_around_epochs > 5001 * 0.2 / 2


def test_settings_that_make_no_search_are_refused_before_an_image_is_read(tmp_path):
    config = SearchConfig(run_dir=str(tmp_path), hours=1.0, dataset="folder:nowhere", pruning_after_epoch=10**6)
    with pytest.raises(ConfigurationError, match="operations are left on each edge"):
        search_within_hours(config, None, 0.0, train_epoch)
