"""A training of a final network that is killed or stopped ends as if nothing had happened, its export included."""

import json
import re
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import GENOTYPE, TRAINING, repeated_curve_values, what_a_run_leaves

KILLED, STOPPED = -signal.SIGKILL, 42
# In the order in which a run passes them, with the exit status and the step from which it then continues.
KILLS = [
    ("after_run_folder_opened:0:SIGINT", STOPPED, None),
    ("after_training_step:2", KILLED, 1),
    ("after_test:1", KILLED, 3),
    ("before_checkpoint_has_its_name:5", KILLED, 4),
    ("after_training_step:5:SIGINT", STOPPED, 5),
    ("after_metrics_line:2", KILLED, 6),
    ("after_checkpoint:8", KILLED, 8),
]


def continued_from(output):
    found = re.search(r"continuing after epoch \d+ of 3, step (\d+)", output)
    return int(found[1]) if found else None


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    genotype = tmp_path_factory.mktemp("genotype") / "genotype.json"
    genotype.write_text(json.dumps(GENOTYPE))
    return [*TRAINING, f"--genotype={genotype}"]


@pytest.fixture(scope="module")
def uninterrupted(zygote, flags, tmp_path_factory):
    """A training that saves at its end only, and its seconds."""
    folder = tmp_path_factory.mktemp("training") / "uninterrupted"
    status, output, seconds = zygote.run("run_eval", *flags, f"--run_dir={folder}", "--checkpoint_every_epochs=3")
    assert status == 0, output
    return folder, seconds


def served(folder):
    images = tf.constant(np.random.default_rng(0).integers(0, 256, size=(5, 8, 8, 1), dtype=np.uint8))
    signature = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    return signature(image=images)["probabilities"].numpy().tobytes()


def test_killed_and_stopped_at_every_named_place_it_ends_as_if_uninterrupted(zygote, flags, uninterrupted, tmp_path):
    run_dir = tmp_path / "run"
    command = ("run_eval", *flags, f"--run_dir={run_dir}", "--checkpoint_every_steps=1")
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
    folder, _ = uninterrupted
    assert what_a_run_leaves(run_dir) == what_a_run_leaves(folder)
    assert served(run_dir) == served(folder)
    assert not list(run_dir.rglob("*.tmp"))
    assert repeated_curve_values(run_dir) == []


def test_deterministic_operations_give_the_same_bytes_each_time(zygote, flags, tmp_path):
    for name in ("first", "second"):
        status, output, _ = zygote.run("run_eval", *flags, f"--run_dir={tmp_path / name}", "--deterministic")
        assert status == 0, output
    assert what_a_run_leaves(tmp_path / "first") == what_a_run_leaves(tmp_path / "second")


@pytest.mark.slow
def test_stopped_ten_times_at_random_it_ends_as_if_uninterrupted(zygote, flags, uninterrupted, tmp_path, chance):
    folder, whole_seconds = uninterrupted
    command = ("run_eval", *flags, f"--run_dir={tmp_path / 'run'}")
    for _ in range(10):
        status, output, _ = zygote.run(*command, stop_after=chance.uniform(0.1, 1) * whole_seconds)
        assert status == 0 or (status == 42 and "stopped: SIGTERM received; " in output), output
    status, output, _ = zygote.run(*command)
    assert status == 0, output
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(folder)


@pytest.mark.slow
def test_killed_twenty_times_at_random_it_ends_as_if_uninterrupted(zygote, flags, uninterrupted, tmp_path, chance):
    folder, whole_seconds = uninterrupted
    run_dir = tmp_path / "run"
    kills = 0
    while kills < 20:
        command = ("run_eval", *flags, f"--run_dir={run_dir}", f"--checkpoint_every_steps={chance.randint(1, 3)}")
        delay = chance.uniform(0.2, 1) * whole_seconds
        status, output, _ = zygote.run(*command, stop_after=delay, stop_signal=signal.SIGKILL)
        if status == 0:
            # It was faster than the kill: the next run begins anew.
            assert what_a_run_leaves(run_dir) == what_a_run_leaves(folder)
            shutil.rmtree(run_dir)
            continue
        assert status == -signal.SIGKILL, output
        kills += 1
    status, output, _ = zygote.run("run_eval", *flags, f"--run_dir={run_dir}")
    assert status == 0, output
    assert what_a_run_leaves(run_dir) == what_a_run_leaves(folder)
