"""A search that is killed or stopped, anywhere and any number of times, ends as if nothing had happened."""

import re
import shutil
import signal

import pytest
from tiny_runs import SEARCH, repeated_curve_values, what_a_run_leaves

KILLED, STOPPED = -signal.SIGKILL, 42
# In the order in which a run passes them, with the exit status and the step from which it then continues.
KILLS = [
    ("after_run_folder_opened:0:SIGTERM", STOPPED, None),
    ("after_weight_step:1", KILLED, None),
    ("after_architecture_step:5", KILLED, 4),
    ("after_drops:4", KILLED, 8),
    ("before_checkpoint_has_its_name:11", KILLED, 10),
    ("after_weight_step:13:SIGTERM", STOPPED, 13),
    ("after_metrics_line:7", KILLED, 14),
    ("after_checkpoint:17", KILLED, 17),
    ("after_genotype:9", KILLED, 18),
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


def test_killed_and_stopped_at_every_named_place_it_ends_as_if_uninterrupted(zygote, uninterrupted, tmp_path):
    command = ("run_search", *SEARCH, f"--run_dir={tmp_path / 'run'}", "--checkpoint_every_steps=1")
    expected_step = None
    for fault, expected_status, next_step in KILLS:
        status, output, _ = zygote.run(*command, fault=fault)
        assert status == expected_status, (fault, output)
        assert "Traceback" not in output
        assert continued_from(output) == expected_step, fault
        expected_step = next_step
    status, output, _ = zygote.run(*command)
    assert status == 0, output
    assert continued_from(output) == expected_step
    assert what_a_run_leaves(tmp_path / "run") == uninterrupted[0]
    assert not list((tmp_path / "run").rglob("*.tmp"))
    assert repeated_curve_values(tmp_path / "run") == []


@pytest.mark.slow
def test_stopped_ten_times_at_random_it_ends_as_if_uninterrupted(zygote, uninterrupted, tmp_path, chance):
    expected, whole_seconds = uninterrupted
    command = ("run_search", *SEARCH, f"--run_dir={tmp_path / 'run'}")
    for _ in range(10):
        status, output, _ = zygote.run(*command, stop_after=chance.uniform(0.1, 1) * whole_seconds)
        assert status == 0 or (status == 42 and "stopped: SIGTERM received; " in output), output
    status, output, _ = zygote.run(*command)
    assert status == 0, output
    assert what_a_run_leaves(tmp_path / "run") == expected


@pytest.mark.slow
def test_killed_twenty_times_at_random_it_ends_as_if_uninterrupted(zygote, uninterrupted, tmp_path, chance):
    expected, whole_seconds = uninterrupted
    run_dir = tmp_path / "run"
    kills = 0
    while kills < 20:
        command = ("run_search", *SEARCH, f"--run_dir={run_dir}", f"--checkpoint_every_steps={chance.randint(1, 3)}")
        delay = chance.uniform(0.2, 1) * whole_seconds
        status, output, _ = zygote.run(*command, stop_after=delay, stop_signal=signal.SIGKILL)
        if status == 0:
            # It was faster than the kill: the next run begins anew.
            assert what_a_run_leaves(run_dir) == expected
            shutil.rmtree(run_dir)
            continue
        assert status == -signal.SIGKILL, output
        kills += 1
    status, output, _ = zygote.run("run_search", *SEARCH, f"--run_dir={run_dir}")
    assert status == 0, output
    assert what_a_run_leaves(run_dir) == expected
