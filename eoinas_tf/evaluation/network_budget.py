"""The widest network within budgets: `--max_parameters`, `--max_multiply_adds`, `--max_peak_memory_mib`, latency."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.model_cost import NetworkSize
from eoinas_tf.evaluation.peak_memory import MEBIBYTE

FEWEST_CHANNELS = {"cifar": 1, "imagenet": 2}
Cost = TypeVar("Cost")


def fit_to_budget(config: EvaluationConfig, measure: Callable[[int], NetworkSize]) -> tuple[EvaluationConfig, str]:
    """Lowers `init_channels` to the largest number of channels whose network is within the budgets.

    Args:
        config: The settings; a budget of 0 is no limit.
        measure: Returns the network's size for a number of channels; it grows with this number.

    Returns:
        The settings with as many channels as fit, and a sentence about the choice; it is empty without a budget.

    Raises:
        ConfigurationError: Even the narrowest network is too large.
    """
    budgets = {
        "--max_parameters": config.max_parameters,
        "--max_multiply_adds": config.max_multiply_adds,
        "--max_peak_memory_mib": config.max_peak_memory_mib,
    }
    asked = " ".join(f"{flag}={budget}" for flag, budget in budgets.items() if budget)
    if not asked:
        return config, ""

    limits = {
        "parameters": config.max_parameters,
        "multiply_adds": config.max_multiply_adds,
        "peak_memory_bytes": config.max_peak_memory_mib * MEBIBYTE,
    }

    def fits(size: NetworkSize) -> bool:
        return all(not limit or getattr(size, name) <= limit for name, limit in limits.items())

    return widest_that_fits(config, asked, measure, fits, _in_words)


def widest_that_fits(
    config: EvaluationConfig,
    asked: str,
    measure: Callable[[int], Cost],
    fits: Callable[[Cost], bool],
    in_words: Callable[[Cost], str],
) -> tuple[EvaluationConfig, str]:
    """Lowers `init_channels` to the largest number of channels whose network fits, found by bisection.

    Args:
        config: The settings.
        asked: The budgets in the form of flags.
        measure: Returns the cost of a network with a number of channels; it grows with this number.
        fits: Returns whether a cost is within the budgets.
        in_words: Returns a cost in words.

    Returns:
        The settings with as many channels as fit, and a sentence about the choice.

    Raises:
        ConfigurationError: Even the narrowest network costs too much.
    """
    widest, narrowest = config.init_channels, min(FEWEST_CHANNELS[config.stem], config.init_channels)
    cost = measure(widest)
    if fits(cost):
        return config, f"{asked}: --init_channels={widest} keeps to it with {in_words(cost)}"
    if narrowest < widest:
        cost = measure(narrowest)
    if not fits(cost):
        raise ConfigurationError(
            f"{asked} is too little: even --init_channels={narrowest} takes {in_words(cost)}; "
            "allow more, or lower --cells"
        )
    channels, too_many = narrowest, widest
    while too_many - channels > 1:
        middle = (channels + too_many) // 2
        measured = measure(middle)
        if fits(measured):
            channels, cost = middle, measured
        else:
            too_many = middle
    message = f"{asked}: --init_channels lowered from {widest} to {channels}, {in_words(cost)}"
    return dataclasses.replace(config, init_channels=channels), message


def _in_words(size: NetworkSize) -> str:
    if size.peak_memory_bytes is None:
        return f"{size.parameters} parameters and {size.multiply_adds} multiply-adds"
    memory = f"{size.peak_memory_bytes / MEBIBYTE:.4g} MiB of activations"
    return f"{size.parameters} parameters, {size.multiply_adds} multiply-adds and {memory}"
