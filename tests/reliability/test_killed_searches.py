"""A search that is killed or stopped, anywhere and any number of times, ends as if nothing had happened."""

import json

import pytest
from tiny_runs import (
    KILLED,
    SEARCH,
    STOPPED,
    chosen_by_hours,
    kill_at_random,
    run_through,
    stop_at_random,
    what_a_run_leaves,
)

from eoinas_tf.config import SearchConfig

# In the order in which a run passes them, with the exit status and the step from which it is then resumed.
KILLS = [
    ("after_run_folder_opened:0:SIGTERM", STOPPED, None),
    ("after_weight_step:1", KILLED, None),
    ("after_architecture_step:4", KILLED, 3),
    ("after_drops:3", KILLED, 6),
    ("before_checkpoint_has_its_name:8", KILLED, 7),
    ("after_weight_step:9:SIGTERM", STOPPED, 9),
    ("after_metrics_line:5", KILLED, 10),
    ("after_checkpoint:11", KILLED, 11),
    ("after_genotype:6", KILLED, 12),
]


@pytest.fixture(scope="module")
def uninterrupted(zygote, tmp_path_factory):
    """The results of a search that saves only at its end, and its seconds."""
    folder = tmp_path_factory.mktemp("search") / "uninterrupted"
    status, output, seconds = zygote.run("run_search", *SEARCH, f"--run_dir={folder}", "--checkpoint_every_epochs=6")
    assert status == 0, output
    assert len(list((folder / "checkpoints").iterdir())) == 1
    left = "4 of 8 operations are left on each edge at the end: 6 epochs have 4 drops, 7 are needed"
    assert output.count(f"WARNING: {left}") == 2, "at the start and at the end"
    assert json.loads((folder / "summary.json").read_text())["warnings"][0] == left
    return what_a_run_leaves(folder), seconds


def test_killed_and_stopped_at_every_named_place_it_ends_as_if_uninterrupted(zygote, uninterrupted, tmp_path):
    expected, _ = uninterrupted
    run_through(zygote, ("run_search", *SEARCH), tmp_path / "run", KILLS)
    assert what_a_run_leaves(tmp_path / "run") == expected


@pytest.mark.slow
def test_with_hours_it_keeps_the_epochs_that_it_has_chosen(zygote, uninterrupted, tmp_path):
    expected, _ = uninterrupted
    flags = chosen_by_hours(SearchConfig, SEARCH, tmp_path / "run", epochs=6)
    kills = [("after_architecture_step:4", KILLED, 3)]
    run_through(zygote, ("run_search", *flags), tmp_path / "run", kills)
    assert what_a_run_leaves(tmp_path / "run") == expected


@pytest.mark.slow
def test_with_epochs_on_a_part_of_the_images_it_ends_as_if_uninterrupted(zygote, tmp_path):
    """Each epoch has two of the six pairs of batches that the images make."""
    command = ("run_search", *SEARCH, "--batch_size=110", "--steps_per_epoch=2")
    status, output, _ = zygote.run(*command, f"--run_dir={tmp_path / 'whole'}")
    assert status == 0, output
    run_through(zygote, command, tmp_path / "run", [("after_architecture_step:4", KILLED, 3)])
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(tmp_path / "whole")


@pytest.mark.slow
def test_stopped_ten_times_at_random_it_ends_as_if_uninterrupted(zygote, uninterrupted, tmp_path, chance):
    expected, whole_seconds = uninterrupted
    stop_at_random(zygote, ("run_search", *SEARCH), tmp_path / "run", whole_seconds, chance)
    assert what_a_run_leaves(tmp_path / "run") == expected


@pytest.mark.slow
def test_killed_twenty_times_at_random_it_ends_as_if_uninterrupted(zygote, uninterrupted, tmp_path, chance):
    expected, whole_seconds = uninterrupted
    kill_at_random(zygote, ("run_search", *SEARCH), tmp_path / "run", whole_seconds, chance, expected)
    assert what_a_run_leaves(tmp_path / "run") == expected
