"""The widest network within `--max_latency_ms`: measured once, at the start of a run, which keeps the choice.

Measured times vary, so a run that measured again on being continued could choose another network. Therefore
`latency_budget.json` in the run folder holds the budgets and settings, the chosen channels and the latency.
"""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.evaluation.configured_network import config_within_budget
from eoinas_tf.evaluation.network_budget import widest_that_fits
from eoinas_tf.evaluation.untrained_exports import TFLITE, measure_untrained
from eoinas_tf.experiment.atomic_files import write_json
from eoinas_tf.experiment.export_measurement import ExportCost
from eoinas_tf.experiment.readable_values import thread_count
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.training.progress import Progress

# The settings that the choice depends on, in addition to the cells and the images.
SETTINGS = (
    "network", "cells", "init_channels", "stem", "mixed_precision", "max_parameters", "max_multiply_adds",
    "max_peak_memory_mib", "max_latency_ms",
)  # fmt: skip


def config_within_all_budgets(
    config: EvaluationConfig,
    genotype: Genotype | None,
    image_shape: tuple[int, int, int],
    num_classes: int,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[EvaluationConfig, str, ExportCost | None]:
    """Lowers `init_channels` to the largest number within all budgets; the latency is measured last.

    Args:
        config: The settings.
        genotype: The cells.
        image_shape: Height, width and channels of an image.
        num_classes: Number of classes.
        say: Called before each measurement with a description of it.

    Returns:
        The settings with as many channels as fit; sentences about the choice, empty without a budget; and the size and
        latency of the chosen network's export, None without a latency budget.

    Raises:
        ConfigurationError: Even the narrowest network costs too much, or it cannot be exported.
        StorageError: An export could not be written or run.
    """
    config, computed = config_within_budget(config, genotype, image_shape, num_classes)
    if not config.max_latency_ms:
        return config, computed, None
    asked = f"--max_latency_ms={config.max_latency_ms:g}"
    costs: dict[int, ExportCost] = {}

    def measure(channels: int) -> ExportCost:
        say(f"{asked}: exporting and timing the network with {channels} channels")
        narrower = dataclasses.replace(config, init_channels=channels)
        measured = measure_untrained(narrower, genotype, image_shape, num_classes, (TFLITE,), asked)
        costs[channels] = measured[TFLITE]
        return costs[channels]

    def fits(cost: ExportCost) -> bool:
        return cost.latency_milliseconds <= config.max_latency_ms

    config, message = widest_that_fits(config, asked, measure, fits, _in_words)
    return config, "; ".join(text for text in (computed, message) if text), costs[config.init_channels]


def _in_words(cost: ExportCost) -> str:
    return f"{cost.latency_milliseconds:.4g} ms an image as {TFLITE} on {thread_count(cost.latency_threads)}"


def kept_within_budgets(
    run: RunDirectory,
    config: EvaluationConfig,
    genotype: Genotype | None,
    image_shape: tuple[int, int, int],
    num_classes: int,
) -> tuple[EvaluationConfig, str]:
    """Applies `config_within_all_budgets` to a new run; a continued run keeps its first choice.

    Args:
        run: The run folder.
        config: Its settings.
        genotype: The cells.
        image_shape: Height, width and channels of an image.
        num_classes: Number of classes.

    Returns:
        The settings with the channels of the run, and sentences about the choice, empty without a budget.

    Raises:
        ConfigurationError: Even the narrowest network costs too much, or it cannot be exported.
        RunDirectoryError: The choice that the run began with cannot be read, or is for another network.
        StorageError: An export could not be written or run, or the choice could not be written.
    """
    if not config.max_latency_ms:
        return config_within_budget(config, genotype, image_shape, num_classes)
    asked = {
        **{name: getattr(config, name) for name in SETTINGS},
        "genotype": None if genotype is None else genotype.cells,
        "image_shape": image_shape,
        "num_classes": num_classes,
    }
    asked = json.loads(json.dumps(asked))  # In the form in which it is read again: tuples become lists.
    stored = _stored(run)
    # Until the first step, another number of threads is another question; later it only says how to measure again.
    is_same = stored is not None and (not run.only_begun() or stored.get("latency_threads") == config.latency_threads)
    if stored is not None and is_same and stored["asked"] == asked:
        return dataclasses.replace(config, init_channels=stored["init_channels"]), stored["message"]
    if stored is not None and not run.only_begun():
        raise RunDirectoryError(
            f"{run.latency_budget} was measured for another network than this run's; name another --run_dir"
        )
    progress = Progress(1, is_quiet=config.quiet)
    fitted, message, cost = config_within_all_budgets(
        config, genotype, image_shape, num_classes, lambda text: progress.doing(text, stays=True)
    )
    assert cost is not None
    chosen = {"init_channels": fitted.init_channels, **cost.figures(), "message": message}
    write_json(run.latency_budget, {**chosen, "asked": asked})
    return fitted, message


def _stored(run: RunDirectory) -> dict[str, Any] | None:
    """Returns the choice that the run has made; None if it has made none."""
    try:
        stored = json.loads(run.latency_budget.read_text(encoding="utf-8"))
        int(stored["init_channels"]), str(stored["message"]), dict(stored["asked"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise RunDirectoryError(
            f"{run.latency_budget} cannot be read ({type(error).__name__}); name another --run_dir"
        ) from None
    return stored
