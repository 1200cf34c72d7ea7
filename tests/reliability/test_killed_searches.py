"""A search that is killed or stopped, anywhere and any number of times, ends as if nothing had happened."""

import re
import signal

import pytest
from tiny_runs import SEARCH, what_a_run_leaves

# In the order in which a search passes them, with the step from which it then continues.
KILLS = [
    ("after_weight_step:1", None),
    ("after_architecture_step:5", 4),
    ("before_checkpoint_has_its_name:7", 6),
    ("after_drops:4", 8),
    ("after_metrics_line:6", 12),
    ("after_checkpoint:15", 15),
    ("after_genotype:9", 18),
]


def continued_from(output):
    found = re.search(r"continuing after epoch \d+ of 9, step (\d+)", output)
    return int(found[1]) if found else None


@pytest.fixture(scope="module")
def uninterrupted(zygote, tmp_path_factory):
    """What a search leaves that saves at its end only, and its seconds."""
    folder = tmp_path_factory.mktemp("search") / "uninterrupted"
    status, output, seconds = zygote.run("run_search", *SEARCH, f"--run_dir={folder}", "--checkpoint_every_epochs=9")
    assert status == 0, output
    assert len(list((folder / "checkpoints").iterdir())) == 1
    return what_a_run_leaves(folder), seconds


def test_killed_at_every_named_place_it_ends_as_if_uninterrupted(zygote, uninterrupted, tmp_path):
    command = ("run_search", *SEARCH, f"--run_dir={tmp_path / 'run'}", "--checkpoint_every_steps=1")
    expected_step = None
    for fault, next_step in KILLS:
        status, output, _ = zygote.run(*command, fault=fault)
        assert status == -signal.SIGKILL, (fault, output)
        assert continued_from(output) == expected_step, fault
        expected_step = next_step
    status, output, _ = zygote.run(*command)
    assert status == 0, output
    assert continued_from(output) == expected_step
    assert what_a_run_leaves(tmp_path / "run") == uninterrupted[0]
    assert not list((tmp_path / "run").rglob("*.tmp"))


def test_stopped_at_random_times_it_ends_as_if_uninterrupted(zygote, uninterrupted, tmp_path, chance):
    expected, whole_seconds = uninterrupted
    command = ("run_search", *SEARCH, f"--run_dir={tmp_path / 'run'}")
    for stop_after in (0.001, chance.uniform(0.5, 1) * whole_seconds, chance.uniform(0.5, 1) * whole_seconds, None):
        status, output, seconds = zygote.run(*command, stop_after=stop_after)
        print(f"SIGTERM after {stop_after} s: status {status} after {seconds:.2f} s, {output.splitlines()[-1:]}")
        assert status == 0 or (stop_after and status == 42 and "stopped: SIGTERM received; " in output), output
    assert what_a_run_leaves(tmp_path / "run") == expected
