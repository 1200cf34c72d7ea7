"""The output of `--describe`: a final network's size, computed without data or training."""

import dataclasses
import sys
from typing import Any

from eoinas_tf.config import ARRAYS, EvaluationConfig
from eoinas_tf.data.image_outline import outline_images
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.configured_network import configured_genotype, network_size
from eoinas_tf.evaluation.genotype_table import USUAL_CLASSES, USUAL_IMAGE_SIZES
from eoinas_tf.evaluation.latency_budget import config_within_all_budgets
from eoinas_tf.evaluation.peak_memory import MEBIBYTE
from eoinas_tf.evaluation.untrained_exports import described_formats, measure_untrained
from eoinas_tf.experiment.export_measurement import cost_in_words

COLOUR_CHANNELS = 3


def described_images(config: EvaluationConfig) -> tuple[tuple[int, int, int], int]:
    """Returns the image shape, (height, width, channels), and the number of classes for `describe_network`.

    Args:
        config: The settings.

    Raises:
        ConfigurationError: The images were arrays, and their size or the number of classes is not given.
        DatasetError: The data set is unknown, or its images differ in size and no `image_size` is given.
    """
    default = {field.name: field.default for field in dataclasses.fields(config)}["dataset"]
    if config.dataset == ARRAYS and not (config.image_size and config.num_classes):
        raise ConfigurationError(
            "--genotype is that of a run on arrays, whose images no command knows; to describe its network for colour "
            f"images, give --image_size and --num_classes. Received: {config.image_size} and {config.num_classes}"
        )
    if config.dataset in (default, ARRAYS):
        image_shape = (*(config.image_size or USUAL_IMAGE_SIZES[config.stem]), COLOUR_CHANNELS)
        return image_shape, config.num_classes or USUAL_CLASSES[config.stem]
    outline = outline_images(config.dataset, config.data_dir, config.image_size)
    return outline.image_shape, config.num_classes or outline.num_classes


def description_text(description: dict[str, Any]) -> str:
    """Returns a result of `describe_network` as lines for people.

    Args:
        description: The result.
    """
    height, width, channels = description["image_shape"]
    network = f"{description['network']} of {description['genotype']}" if description["genotype"] else ""
    rows = {
        "network": network or description["network"],
        "source": description["genotype_source"] or "-",
        "images": f"{height}x{width} pixels, {'colour' if channels == COLOUR_CHANNELS else 'grey'}",
        "classes": f"{description['num_classes']:,}",
        "size": f"{description['cells']} cells, {description['init_channels']} channels, stem {description['stem']}",
        "parameters": f"{description['parameters']:,}",
        "auxiliary parameters": f"{description['auxiliary_parameters']:,}, in training only",
        "multiply-adds": f"{description['multiply_adds']:,} for an image",
        "peak memory": f"{description['peak_memory_bytes'] / MEBIBYTE:.3g} MiB of an image's activations in float32",
        **{
            name: f"{cost_in_words(figures)}, with random weights"
            for name, figures in description.get("measured", {}).items()
        },
    }
    return "".join(f"{name:<22}{text}\n" for name, text in rows.items())


def describe_network(config: EvaluationConfig) -> dict[str, Any]:
    """Measures the network that the settings describe; loads no images, prints the effect of budgets to stderr.

    Args:
        config: The settings. Images and classes are those of `dataset` if it is not the default; with the default,
            they are colour images of `image_size` or the stem's usual size, and its usual number of classes. Those of
            arrays are not known: they count as colour images of `image_size`.
            `num_classes` overrides both.

    Returns:
        A JSON object with the network's parameters, auxiliary parameters, multiply-adds and peak memory; with
        `measure` also `measured`, the size and latency of exports with random weights, by format.

    Raises:
        EoinasError: The genotype cannot be read, or the settings do not fit together.
    """
    genotype = configured_genotype(config)
    image_shape, num_classes = described_images(config)
    config, message, _ = config_within_all_budgets(
        config, genotype, image_shape, num_classes, lambda text: print(f"{text} ...", file=sys.stderr)
    )
    if message:
        print(message, file=sys.stderr)
    size = network_size(config, genotype, image_shape, num_classes, with_peak_memory=True)
    measured = {}
    if config.measure:
        formats = described_formats(config.export_formats)
        costs = measure_untrained(config, genotype, image_shape, num_classes, formats, "--measure")
        measured = {"measured": {name: cost.figures() for name, cost in costs.items()}}
    return {
        "genotype": config.genotype,
        "genotype_source": genotype.source if genotype else None,
        "network": config.network,
        "cells": config.cells,
        "init_channels": config.init_channels,
        "stem": config.stem,
        "image_shape": list(image_shape),
        "num_classes": num_classes,
        **size._asdict(),
        **measured,
    }
