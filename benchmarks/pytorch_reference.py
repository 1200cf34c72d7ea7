"""Times the steps of the reference implementations in PyTorch, as `search_step.py` and `evaluation_step.py` do here.

    git clone https://github.com/D-X-Y/AutoDL-Projects
    python benchmarks/pytorch_reference.py search AutoDL-Projects --init_channels=16 --cells=8 --batch_size=64
    git clone https://github.com/quark0/darts
    python benchmarks/pytorch_reference.py evaluation darts --init_channels=36 --cells=20 --batch_size=32

It needs PyTorch and NumPy; `against_pytorch.py` runs it and this package's benchmarks alternately. Networks, layers and
steps are the references' own: GDAS's weight step and architecture step both compute all gradients, and DARTS's training
uses its auxiliary head and drop-path. The last line is one JSON object.
"""

import argparse
import json
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

CLASSES = 10
GRADIENT_CLIP_NORM = 5.0
AUXILIARY_WEIGHT = 0.4
DROP_PATH = 0.2


def random_batch(batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns random images, in PyTorch's memory layout for training, and labels."""
    generator = np.random.default_rng(0)
    images = torch.from_numpy(generator.normal(size=(batch_size, 3, 32, 32)).astype(np.float32))
    return images, torch.from_numpy(generator.integers(0, CLASSES, batch_size))


def gdas_steps(code: Path, init_channels: int, cells: int, batch_size: int) -> list[Callable[[], float]]:
    """Returns GDAS's weight step and architecture step, for the same number and order of cells as here."""
    sys.path.insert(0, str(code))
    from xautodl.models.cell_operations import SearchSpaceNames
    from xautodl.models.cell_searchs import NASNetworkGDAS

    # GDAS's networks have the same number of cells in each of three stages; here, any number of cells is divided at its
    # thirds. Surplus cells are removed from the ends of the stages.
    stage = -(-cells // 3)
    network = NASNetworkGDAS(init_channels, stage, 4, 4, 3, CLASSES, SearchSpaceNames["darts"], False, True)
    lengths = (cells // 3, 2 * cells // 3 - cells // 3, cells - 2 * cells // 3)
    kept = [number * stage + place for number, length in enumerate(lengths) for place in range(length)]
    network.cells = torch.nn.ModuleList([network.cells[position] for position in kept])
    network.set_tau(10)
    network.train()
    images, labels = random_batch(batch_size)
    loss_of = torch.nn.CrossEntropyLoss()
    weight_optimizer = torch.optim.SGD(network.get_weights(), lr=0.025, momentum=0.9, weight_decay=5e-4, nesterov=True)
    architecture_optimizer = torch.optim.Adam(network.get_alphas(), lr=3e-4, betas=(0.5, 0.999), weight_decay=1e-3)

    def update_weights() -> float:
        weight_optimizer.zero_grad()
        loss = loss_of(network(images)[1], labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP_NORM)
        weight_optimizer.step()
        return loss.item()

    def update_architecture() -> float:
        architecture_optimizer.zero_grad()
        loss = loss_of(network(images)[1], labels)
        loss.backward()
        architecture_optimizer.step()
        return loss.item()

    return [update_weights, update_architecture]


def drop_path(inputs: torch.Tensor, rate: float) -> torch.Tensor:
    """Zeroes whole images at a rate and scales the others; the reference's own function needs CUDA."""
    if rate == 0:
        return inputs
    kept = torch.empty(inputs.shape[0], 1, 1, 1).bernoulli_(1 - rate)
    return inputs / (1 - rate) * kept


def darts_steps(code: Path, init_channels: int, cells: int, batch_size: int) -> list[Callable[[], float]]:
    """Returns the training step of DARTS_V2."""
    # Its module `utils` imports torchvision, which is not needed here.
    sys.modules["utils"] = types.ModuleType("utils")
    sys.modules["utils"].drop_path = drop_path
    sys.path.insert(0, str(code / "cnn"))
    import genotypes
    import model

    network = model.NetworkCIFAR(init_channels, CLASSES, cells, True, genotypes.DARTS_V2)
    network.drop_path_prob = DROP_PATH
    network.train()
    images, labels = random_batch(batch_size)
    loss_of = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)

    def train() -> float:
        optimizer.zero_grad()
        logits, auxiliary_logits = network(images)
        loss = loss_of(logits, labels) + AUXILIARY_WEIGHT * loss_of(auxiliary_logits, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP_NORM)
        optimizer.step()
        return loss.item()

    return [train]


def main() -> None:
    """Builds one of the networks, runs its steps and prints the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["search", "evaluation"])
    parser.add_argument("code", type=Path, help="checkout of AutoDL-Projects (search) or of DARTS (evaluation)")
    parser.add_argument("--init_channels", type=int, required=True)
    parser.add_argument("--cells", type=int, required=True)
    parser.add_argument("--batch_size", type=int, required=True, help="images")
    parser.add_argument("--steps", type=int, default=10, help="steps, or pairs of steps, to time")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    build = {"search": gdas_steps, "evaluation": darts_steps}[arguments.kind]
    steps = build(arguments.code, arguments.init_channels, arguments.cells, arguments.batch_size)

    def seconds(step: Callable[[], float]) -> float:
        started = time.monotonic()
        step()
        return time.monotonic() - started

    for step in steps:
        step()
    times = [[seconds(step) for step in steps] for _ in range(arguments.steps)]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    print(
        json.dumps(
            {
                "seconds_per_step": [round(median, 4) for median in medians],
                "images_per_second": round(len(steps) * arguments.batch_size / sum(medians), 1),
            }
        )
    )


if __name__ == "__main__":
    main()
