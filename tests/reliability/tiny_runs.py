"""Runs small enough to be killed many times, and the files that must be the same afterwards."""

import hashlib
import json
import re
import shutil
import signal
from collections import Counter

import tensorflow as tf

from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.flag_definitions import config_from_arguments

KILLED, STOPPED = -signal.SIGKILL, 42
SEARCH = (
    "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=330", "--epochs=6", "--warmup_epochs=1",
    "--pruning_after_epoch=2", "--pruning_every_epochs=1", "--crop_padding=1", "--nohorizontal_flip",
    "--architecture_learning_rate=0.01",
)  # fmt: skip
TRAINING = (
    "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=440", "--epochs=3", "--image_size=8,8",
    "--crop_padding=1", "--cutout_length=2", "--drop_path=0.3", "--auxiliary_weight=0.4", "--label_smoothing=0.1",
    "--warmup_epochs=1",
)  # fmt: skip
GENOTYPE = {
    "format": "eoinas-genotype/1",
    "normal": [["sep_conv_3x3", 0], ["skip_connect", 1]],
    "normal_concat": [2],
    "reduce": [["max_pool_3x3", 0], ["dil_conv_3x3", 1]],
    "reduce_concat": [2],
}


def what_a_run_leaves(folder):
    """Returns digests, by file, of everything that must be the same whether a run was stopped or not."""
    names = ("genotype.json", "metrics.jsonl", "pruning.jsonl", "summary.json", "class_accuracy.csv")
    found = {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}
    # A checkpoint replaced by another with its number is left if a kill prevented the last save from removing it.
    newest = max(path for path in (folder / "checkpoints").iterdir() if path.suffix != ".replaced")
    manifest = json.loads((newest / "manifest.json").read_text())["content"]
    assert len(manifest["variables"]) > 50
    # TensorFlow's index also contains the variables' Python names, which are numbered throughout a process.
    found[newest.name] = manifest["files"]["variables.data-00000-of-00001"].encode()
    return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


def repeated_curve_values(folder):
    """Returns the (folder, tag, step) for which TensorBoard would show two values."""
    values = Counter(
        (path.parent.name, value.tag, event.step)
        for path in (folder / "tensorboard").rglob("events*")
        for event in map(tf.compat.v1.Event.FromString, tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        for value in event.summary.value
    )
    assert len(values) > 20
    return [value for value, count in values.items() if count > 1]


def continued_from(output):
    """Returns the step from which a run said that it resumes; None if it said nothing."""
    found = re.search(r"continuing after epoch \d+ of \d+, step (\d+)", output)
    return int(found[1]) if found else None


def chosen_by_hours(config_class, flags, run_dir, epochs):
    """Leaves a run folder like a kill just after the run has chosen its epochs; returns the flags to resume with."""
    by_hours = [*(flag for flag in flags if not flag.startswith("--epochs=")), "--hours=50"]
    config = config_from_arguments(config_class, [*by_hours, f"--run_dir={run_dir}"])
    with RunDirectory(config) as run:
        run.keep_epochs(epochs, None)
    return by_hours


def run_through(zygote, command, run_dir, faults):
    """Runs a command once for each fault, (place, expected status, step to resume from), and once to its end."""
    command = (*command, f"--run_dir={run_dir}", "--checkpoint_every_steps=1")
    expected_step = None
    for fault, expected_status, next_step in faults:
        status, output, _ = zygote.run(*command, fault=fault)
        assert status == expected_status, (fault, output)
        assert "Traceback" not in output
        assert continued_from(output) == expected_step, fault
        expected_step = next_step
    status, output, _ = zygote.run(*command)
    assert status == 0, output
    assert continued_from(output) == expected_step
    assert not list(run_dir.rglob("*.tmp"))
    assert repeated_curve_values(run_dir) == []


def stop_at_random(zygote, command, run_dir, whole_seconds, chance):
    """Runs a command with SIGTERM at ten random times, and once to its end."""
    command = (*command, f"--run_dir={run_dir}")
    for _ in range(10):
        status, output, _ = zygote.run(*command, stop_after=chance.uniform(0.1, 1) * whole_seconds)
        assert status == 0 or (status == STOPPED and "stopped: SIGTERM received; " in output), output
    status, output, _ = zygote.run(*command)
    assert status == 0, output


def kill_at_random(zygote, command, run_dir, whole_seconds, chance, expected):
    """Runs a command with twenty kills at random times, and once to its end."""
    command = (*command, f"--run_dir={run_dir}")
    kills = 0
    while kills < 20:
        every = f"--checkpoint_every_steps={chance.randint(1, 3)}"
        delay = chance.uniform(0.2, 1) * whole_seconds
        status, output, _ = zygote.run(*command, every, stop_after=delay, stop_signal=signal.SIGKILL)
        if status == 0:
            # It was faster than the kill: the next run starts from the beginning.
            assert what_a_run_leaves(run_dir) == expected
            shutil.rmtree(run_dir)
            continue
        assert status == KILLED, output
        kills += 1
    status, output, _ = zygote.run(*command)
    assert status == 0, output
