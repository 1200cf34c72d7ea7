"""Every setting of both commands, and another value for each, for tests that go through all of them."""

import dataclasses
import typing

import pytest

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.search_methods import methods_with

CONFIGS = (SearchConfig, EvaluationConfig)
FIELDS = [
    pytest.param(config_class, field, id=f"{config_class.__name__}-{field.name}")
    for config_class in CONFIGS
    for field in dataclasses.fields(config_class)
]
# Section 4.2 of the paper; the batch size is DARTS's.
PAPER_SEARCH = {
    "dataset": "cifar10",
    "init_channels": 16,
    "cells": 8,
    "batch_size": 64,
    "epochs": 160,
    "warmup_epochs": 20,
    "pruning_after_epoch": 20,
    "pruning_every_epochs": 20,
    "weights_learning_rate": 0.025,
    "weights_learning_rate_end": 0.001,
    "weights_momentum": 0.9,
    "weights_l2": 0.0003,
    "gradient_clip_norm": 5.0,
    "architecture_learning_rate": 0.0003,
    "architecture_beta_1": 0.5,
    "architecture_beta_2": 0.999,
    "architecture_l2": 0.001,
    "temperature_start": 5.0,
    "temperature_end": 0.1,
    "importance_weight": 0.5,
    "importance_iterations": "epochs",
    "edge_ranking": "end",
    "crop_padding": 4,
    "horizontal_flip": True,
}
# Section 4.3.
PAPER_EVALUATION = {
    "dataset": "cifar10",
    "stem": "cifar",
    "cells": 20,
    "init_channels": 36,
    "batch_size": 128,
    "epochs": 600,
    "learning_rate": 0.025,
    "learning_rate_end": 0.0,
    "learning_rate_schedule": "cosine",
    "momentum": 0.9,
    "l2": 0.0003,
    "gradient_clip_norm": 5.0,
    "crop": "pad",
    "crop_padding": 4,
    "horizontal_flip": True,
    "cutout_length": 16,
    "drop_path": 0.3,
    "auxiliary_weight": 0.4,
}


def element_type(field):
    """Returns int, float, str or bool, and whether the setting is a tuple of them."""
    options = [option for option in typing.get_args(field.type) if option is not type(None)]
    kind = options[0] if options and typing.get_origin(field.type) is not tuple else field.type
    return (typing.get_args(kind)[0], True) if typing.get_origin(kind) is tuple else (kind, False)


def other_settings(field):
    """Returns a setting with another value than the default, by name, followed by the settings that it requires."""
    kind, is_tuple = element_type(field)
    choices, low = field.metadata["choices"], field.metadata["minimum"]
    if kind is bool:
        value = not field.default
    elif choices:
        value = choices if is_tuple else choices[-1]
    elif kind is str:
        value = ("a", "b") if is_tuple else "a b"
    elif is_tuple and kind is int:
        value = (16, 8)
    elif is_tuple:
        value = (low + 0.75 * (field.metadata["maximum"] - low),) * len(typing.get_args(field.type))
    elif kind is int:
        value = low if field.default == low + 1 else low + 1
    else:
        value = low + 0.75 * ((field.metadata["maximum"] or 1.0) - low)
    partners = {
        "learning_rate_end": {"learning_rate": value},
        "weights_learning_rate_end": {"weights_learning_rate": value},
        "resize_side": {"image_size": (4, 4)},
        "freeze_backbone_epochs": {"initial_weights": "a.keras"},
        "keep_best": {"validation_fraction": 0.25},
        "early_stopping_epochs": {"validation_fraction": 0.25},
    }
    return {field.name: value, **partners.get(field.name, {}), **method_with(field)}


def method_with(field):
    """Returns the `method` that a setting requires, if the default method does not have it."""
    if field.metadata["method_default"] is None or SearchConfig().method in methods_with(field.name):
        return {}
    return {"method": methods_with(field.name)[0]}
