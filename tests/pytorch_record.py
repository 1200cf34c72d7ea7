"""Outputs of DARTS's own PyTorch networks for some images; `record_pytorch_network.py` recorded them."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eoinas_tf.space.genotype import Genotype

FOLDER = Path(__file__).parent / "evaluation" / "recorded"
STEMS = ("cifar", "imagenet")
STATE_DICT = "state_dict/"


class PytorchRecord(NamedTuple):
    """A network and its outputs.

    Args:
        settings: Arguments of `EvaluationNetwork` in addition to the genotype.
        genotype: Its cells.
        images: uint8 [3, height, width, 3].
        inputs: The images as the network received them, float32; `--normalization=cifar10` and `=imagenet` make the
            same.
        state_dict: Weights and statistics by name.
        answers: `logits` and `auxiliary_logits` of a test, and the same of training with the prefix `training_`.
    """

    settings: dict[str, Any]
    genotype: Genotype
    images: np.ndarray
    inputs: np.ndarray
    state_dict: dict[str, np.ndarray]
    answers: dict[str, np.ndarray]


def read_pytorch_record(stem):
    with np.load(FOLDER / f"pytorch_{stem}.npz", allow_pickle=False) as file:
        content = dict(file)
    return PytorchRecord(
        json.loads(str(content["settings"])),
        Genotype.from_json(str(content["genotype"])),
        content["images"],
        (content["images"].astype(np.float32) / 255 - content["mean"]) / content["standard_deviation"],
        {name.removeprefix(STATE_DICT): value for name, value in content.items() if name.startswith(STATE_DICT)},
        {name: value for name, value in content.items() if name.endswith("logits")},
    )
