"""The widest network within `--max_parameters` and `--max_multiply_adds`."""

import dataclasses
from collections.abc import Callable

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.model_cost import NetworkSize

FEWEST_CHANNELS = {"cifar": 1, "imagenet": 2}


def fit_to_budget(config: EvaluationConfig, measure: Callable[[int], NetworkSize]) -> tuple[EvaluationConfig, str]:
    """Lowers `init_channels` to the largest number whose network keeps to the budget.

    Args:
        config: The settings; a budget of 0 is none.
        measure: Returns the network's size for a number of channels, with which it grows.

    Returns:
        The settings with as many channels as fit, and a sentence that says so, empty without a budget.

    Raises:
        ConfigurationError: Even the narrowest network is too large.
    """
    budgets = {"--max_parameters": config.max_parameters, "--max_multiply_adds": config.max_multiply_adds}
    asked = " ".join(f"{flag}={budget}" for flag, budget in budgets.items() if budget)
    if not asked:
        return config, ""

    def fits(size: NetworkSize) -> bool:
        return size.parameters <= (config.max_parameters or size.parameters) and size.multiply_adds <= (
            config.max_multiply_adds or size.multiply_adds
        )

    size = measure(config.init_channels)
    if fits(size):
        return config, f"{asked}: --init_channels={config.init_channels} keeps to it with {_in_words(size)}"
    narrowest = min(FEWEST_CHANNELS[config.stem], config.init_channels)
    size = measure(narrowest)
    if not fits(size):
        raise ConfigurationError(
            f"{asked} is too little: even --init_channels={narrowest} takes {_in_words(size)}; "
            "allow more, or lower --cells"
        )
    channels, too_many = narrowest, config.init_channels
    while too_many - channels > 1:
        middle = (channels + too_many) // 2
        measured = measure(middle)
        if fits(measured):
            channels, size = middle, measured
        else:
            too_many = middle
    message = f"{asked}: --init_channels lowered from {config.init_channels} to {channels}, {_in_words(size)}"
    return dataclasses.replace(config, init_channels=channels), message


def _in_words(size: NetworkSize) -> str:
    return f"{size.parameters} parameters and {size.multiply_adds} multiply-adds"
