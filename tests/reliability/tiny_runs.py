"""Runs small enough to be killed many times, and what must be the same afterwards."""

import hashlib
import json
from collections import Counter

import tensorflow as tf

SEARCH = (
    "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=330", "--epochs=9", "--warmup_epochs=1",
    "--pruning_after_epoch=2", "--pruning_every_epochs=1", "--crop_padding=1", "--nohorizontal_flip",
    "--architecture_learning_rate=0.01",
)  # fmt: skip
EPOCH_STEPS = 2
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
    """Returns digests of all that has to be the same whether a run was stopped or not, by file."""
    names = ("genotype.json", "metrics.jsonl", "pruning.jsonl", "summary.json", "class_accuracy.csv")
    found = {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}
    newest = max((folder / "checkpoints").iterdir())
    manifest = json.loads((newest / "manifest.json").read_text())["content"]
    assert len(manifest["variables"]) > 50
    # TensorFlow's index tells the variables' Python names too, which a process counts up.
    found[newest.name] = manifest["files"]["variables.data-00000-of-00001"].encode()
    return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


def repeated_curve_values(folder):
    """Returns the (folder, tag, step) of which TensorBoard would show two values."""
    values = Counter(
        (path.parent.name, value.tag, event.step)
        for path in (folder / "tensorboard").rglob("events*")
        for event in map(tf.compat.v1.Event.FromString, tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        for value in event.summary.value
    )
    assert len(values) > 20
    return [value for value, count in values.items() if count > 1]
