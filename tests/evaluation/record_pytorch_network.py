"""Records small networks of DARTS's own PyTorch code, as references for importing weights from PyTorch.

Needs PyTorch and a checkout of that code; the tests need neither:

    git clone https://github.com/quark0/darts
    python tests/evaluation/record_pytorch_network.py darts tests/evaluation/recorded

Every normalization gets its own scale, offset and statistics, because those of a new network would hide a mix-up.
Weights are rounded, and nearly all of the auxiliary head's largest kernel is zero, so that the files stay small.
"""

import argparse
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch

EDGES = [
    ("sep_conv_3x3", 0),
    ("skip_connect", 1),
    ("dil_conv_5x5", 1),
    ("sep_conv_5x5", 0),
    ("avg_pool_3x3", 0),
    ("dil_conv_3x3", 2),
    ("max_pool_3x3", 1),
    ("skip_connect", 3),
]
CONCAT = [2, 3, 4, 5]
SETTINGS = {
    "cifar": {"cells": 5, "init_channels": 4, "num_classes": 10},
    "imagenet": {"cells": 4, "init_channels": 4, "num_classes": 6},
}
IMAGE_SIDES = {"cifar": 32, "imagenet": 224}
# As usual in PyTorch recipes, on the scale 0 to 1.
MEAN = {"cifar": [0.49139968, 0.48215827, 0.44653124], "imagenet": [0.485, 0.456, 0.406]}
STANDARD_DEVIATION = {"cifar": [0.24703233, 0.24348505, 0.26158768], "imagenet": [0.229, 0.224, 0.225]}
IMAGES = 3
BLOCK = 5  # Side of an image's single-coloured squares: odd, so that every stride sees edges at all positions.
LARGEST_KERNEL = "auxiliary_head.features.5.weight"


def reference_network(code: Path, stem: str) -> torch.nn.Module:
    """Builds the reference code's network without its module `utils`, which would import torchvision needlessly."""
    sys.modules["utils"] = types.ModuleType("utils")
    sys.modules["utils"].drop_path = None
    sys.path.insert(0, str(code / "cnn"))
    import genotypes
    import model

    genotype = genotypes.Genotype(normal=EDGES, normal_concat=CONCAT, reduce=EDGES, reduce_concat=CONCAT)
    settings = SETTINGS[stem]
    build = model.NetworkCIFAR if stem == "cifar" else model.NetworkImageNet
    network = build(settings["init_channels"], settings["num_classes"], settings["cells"], True, genotype)
    network.drop_path_prob = 0.0
    return network


def randomize(network: torch.nn.Module, generator: np.random.Generator) -> None:
    """Replaces all weights with random ones of few digits."""
    for name, values in network.named_parameters():
        shape = tuple(values.shape)
        if len(shape) > 1:
            drawn = generator.normal(0.0, 1.5 / np.sqrt(np.prod(shape[1:])), shape)
        elif name.endswith("weight"):
            drawn = generator.uniform(0.5, 1.5, shape)
        else:
            drawn = generator.normal(0.0, 0.3, shape)
        if name == LARGEST_KERNEL:
            drawn = np.where(generator.random(shape) < 0.005, 10 * drawn, 0.0)
        values.data.copy_(rounded(torch.from_numpy(drawn)))


def measure_statistics(network: torch.nn.Module, images: torch.Tensor) -> None:
    """Gives every normalization the rounded statistics of some images."""
    normalizations = [part for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for part in normalizations:
        part.momentum = 1.0
    network.train()
    network(images)
    for part in normalizations:
        part.running_mean.copy_(rounded(part.running_mean))
        part.running_var.copy_(rounded(part.running_var) + 1 / 64)


def rounded(values: torch.Tensor) -> torch.Tensor:
    """Returns the values as multiples of 1/64."""
    return torch.round(values * 64) / 64


def record(code: Path, stem: str) -> dict[str, np.ndarray]:
    """Returns the values to record for one network."""
    network = reference_network(code, stem)
    generator = np.random.default_rng(0)
    randomize(network, generator)
    side = IMAGE_SIDES[stem]
    blocks = generator.integers(0, 256, (IMAGES, -(-side // BLOCK), -(-side // BLOCK), 3), dtype=np.uint8)
    images = blocks.repeat(BLOCK, axis=1).repeat(BLOCK, axis=2)[:, :side, :side]
    mean, deviation = np.array(MEAN[stem], np.float32), np.array(STANDARD_DEVIATION[stem], np.float32)
    inputs = torch.from_numpy((images.astype(np.float32) / 255 - mean) / deviation).permute(0, 3, 1, 2)
    middle = []
    network.cells[2 * SETTINGS[stem]["cells"] // 3].register_forward_hook(lambda *called: middle.append(called[2]))
    with torch.no_grad():
        measure_statistics(network, inputs.flip(0, 1, 2))
        weights = {f"state_dict/{name}": values.numpy().copy() for name, values in network.state_dict().items()}
        middle.clear()
        network.eval()
        logits, _ = network(inputs)
        auxiliary_logits = network.auxiliary_head(middle[0].clone())
        network.train()
        training_logits, training_auxiliary_logits = network(inputs)
    genotype = {"normal": EDGES, "normal_concat": CONCAT, "reduce": EDGES, "reduce_concat": CONCAT}
    return {
        "settings": np.array(json.dumps({"stem": stem, **SETTINGS[stem]})),
        "genotype": np.array(json.dumps({"format": "eoinas-genotype/1", **genotype})),
        "images": images,
        "mean": mean,
        "standard_deviation": deviation,
        "logits": logits.numpy(),
        "auxiliary_logits": auxiliary_logits.numpy(),
        "training_logits": training_logits.numpy(),
        "training_auxiliary_logits": training_auxiliary_logits.numpy(),
        **weights,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("code", type=Path, help="checkout of DARTS")
    parser.add_argument("folder", type=Path, help="receives pytorch_cifar.npz and pytorch_imagenet.npz")
    arguments = parser.parse_args()
    for network_stem in SETTINGS:
        np.savez_compressed(arguments.folder / f"pytorch_{network_stem}.npz", **record(arguments.code, network_stem))
