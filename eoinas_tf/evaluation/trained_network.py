"""A trained network from a run folder of `run_eval.py`: its settings, its cells and its newest checkpoint."""

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

from eoinas_tf.config import EvaluationConfig, config_of
from eoinas_tf.errors import EoinasError, RunDirectoryError
from eoinas_tf.evaluation.best_weights import BEST_NETWORK
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.evaluation_step import AVERAGES
from eoinas_tf.evaluation.final_networks import FinalNetwork
from eoinas_tf.experiment.checkpointing import Checkpoints
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.optimization.precision import computing_in
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_modules import import_operations


class TrainedNetwork(NamedTuple):
    """A network with the meaning of its inputs and outputs.

    Args:
        network: The network with trained weights, computing in the type in which it was trained.
        image_shape: Height, width and channels of an image.
        class_names: A name for each class.
        mean: Channels' means on the scale 0 to 255, with which images are normalized.
        standard_deviation: Channels' standard deviations, likewise.
    """

    network: FinalNetwork
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    standard_deviation: tuple[float, ...]


def restore_network(folder: str | Path) -> TrainedNetwork:
    """Builds a finished run's network and restores its weights; nothing in the folder is executed.

    Args:
        folder: The run folder.

    Raises:
        RunDirectoryError: It holds no finished training run.
        StorageError: None of its checkpoints is intact.
    """
    folder = Path(folder)
    try:
        config = evaluation_settings(folder)
        run = RunDirectory(dataclasses.replace(config, run_dir=str(folder)))
        summary = json.loads(run.summary.read_text(encoding="utf-8"))
        class_names = json.loads(run.dataset.read_text(encoding="utf-8"))["class_names"]
        image_shape = tuple(int(side) for side in summary["image_shape"])
        mean, deviation = (tuple(map(float, summary[key])) for key in ("mean", "standard_deviation"))
        channels = int(summary.get("init_channels", config.init_channels))
        import_operations(config.operation_modules)
        genotype = Genotype.read(run.genotype) if run.genotype.exists() else None
        config = dataclasses.replace(config, init_channels=channels)
        if config.pytorch_weights:  # They are tested without an auxiliary head, and are all that the folder holds.
            config = dataclasses.replace(config, auxiliary_weight=0.0, ema_decay=0.0)
        height, width, depth = image_shape
    except EoinasError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RunDirectoryError(
            f"{folder} holds no finished training of this version ({type(error).__name__}: {error}); repeat its "
            "command to finish it"
        ) from None
    with computing_in(config.mixed_precision):
        network = build_network(config, genotype, (height, width, depth), len(class_names))
    # Chosen by validation images; None if --max_steps ended the run before the end of an epoch.
    is_chosen = config.keep_best and summary.get("chosen_epoch")
    kept = BEST_NETWORK if is_chosen else AVERAGES if config.ema_decay else "network"
    restored = Checkpoints(run.checkpoints, {kept: network.variables}).restore_latest(only_own=True)
    if restored is None:
        raise RunDirectoryError(
            f"{folder} holds no checkpoint to take weights from; repeat its command, or use its {run.keras_model.name}"
        )
    steps, step = summary.get("steps"), restored.get("step")
    if None not in (steps, step) and steps != step:
        raise RunDirectoryError(
            f"{folder} was tested after step {steps}, but its newest whole checkpoint is of step "
            f"{step}: it was continued since, or a checkpoint is damaged; repeat its command to finish it, "
            f"or use its {run.keras_model.name}"
        )
    return TrainedNetwork(network, (height, width, depth), tuple(class_names), mean, deviation)


def evaluation_settings(folder: Path) -> EvaluationConfig:
    """Reads the settings in a training run's folder; settings of other versions are ignored.

    Args:
        folder: The run folder.

    Raises:
        OSError, ValueError, TypeError: There are none.
    """
    stored: Any = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if stored.get("kind") != EvaluationConfig.__name__:
        raise ValueError(f"config.json is of a {stored.get('kind')}")
    return config_of(EvaluationConfig, stored)
