"""The folder of a training run that never ran: a small network with values that no initializer draws."""

import dataclasses
import json

import numpy as np

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.experiment.checkpointing import Checkpoints
from eoinas_tf.space.genotype import Genotype

EDGES = (("sep_conv_3x3", 0), ("skip_connect", 1))
CELLS = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
NETWORK = {"cells": 3, "init_channels": 2}


def shifted(network):
    """Moves every variable a little, each by a different amount, and returns the network."""
    for number, variable in enumerate(network.variables):
        noise = np.random.default_rng(number).uniform(0.25, 0.5, variable.shape)
        variable.assign(variable.numpy() + noise.astype(np.float32))
    return network


def write_trained_run(folder, image_shape=(8, 8, 3), classes=3, genotype=CELLS, asked_channels=4, **settings):
    """Writes the folder as a training run with a budget leaves it, with fewer channels than requested.

    Returns:
        The network in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**NETWORK, "auxiliary_weight": 0.0, **settings}
    config = EvaluationConfig(run_dir=str(folder), **settings)
    network = shifted(build_network(config, genotype, image_shape, classes))
    Checkpoints(folder / "checkpoints", {"network": network.variables}).save(7, {"epoch": 1})
    asked = dataclasses.replace(config, init_channels=asked_channels)
    texts = {
        "config": {"kind": "EvaluationConfig", **json.loads(asked.to_json())},
        "dataset": {"class_names": [f"class {number}" for number in range(classes)]},
        "summary": {
            "image_shape": image_shape, "mean": [3.5] * image_shape[2], "standard_deviation": [2.5] * image_shape[2],
            "init_channels": config.init_channels,
        },
    }  # fmt: skip
    for name, content in texts.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    if genotype is not None:
        (folder / "genotype.json").write_text(genotype.to_json())
    return network
