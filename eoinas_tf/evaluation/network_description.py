"""What `--describe` prints: a final network's size, without data and without training."""

import dataclasses
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras

from eoinas_tf.config import CELLS, EvaluationConfig
from eoinas_tf.data.image_outline import outline_images
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.final_networks import FINAL_NETWORKS, FinalNetwork
from eoinas_tf.evaluation.genotype_table import USUAL_CLASSES, USUAL_IMAGE_SIZES
from eoinas_tf.evaluation.model_cost import NetworkSize, count_multiply_adds, count_parameters
from eoinas_tf.evaluation.network_budget import fit_to_budget
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operations import import_operations
from eoinas_tf.space.published_genotypes import load_genotype

COLOUR_CHANNELS = 3


def configured_genotype(config: EvaluationConfig) -> Genotype | None:
    """Returns the genotype that the settings name; None for a network that is not made of cells.

    Args:
        config: The settings.

    Raises:
        ConfigurationError: They name none.
        GenotypeError: It is not a genotype.
    """
    if config.network != CELLS:
        return None
    if not config.genotype:
        raise ConfigurationError("--genotype is missing: name a genotype.json file or a published one such as DARTS_V2")
    import_operations(config.operation_modules or ())
    return load_genotype(config.genotype)


def build_network(
    config: EvaluationConfig, genotype: Genotype | None, image_shape: tuple[int, int, int], num_classes: int
) -> FinalNetwork:
    """Builds the network; initial weights come from Keras's global seed.

    Args:
        config: Kind of network, depth, width, stem, and whether there is an auxiliary head
            (`auxiliary_weight` above 0; networks of cells only).
        genotype: The cells; None for a network that is not made of them.
        image_shape: Height, width and channels of an image.
        num_classes: Classes to tell apart.

    Raises:
        ConfigurationError: The settings do not fit together.
    """
    if config.stem == "imagenet" and config.init_channels < 2:
        raise ConfigurationError(
            f"--init_channels must be at least 2 with --stem=imagenet. Received: {config.init_channels}"
        )
    network = FINAL_NETWORKS[config.network](config, genotype, num_classes)
    network.build((None, *image_shape))
    return network


def network_size(
    config: EvaluationConfig, genotype: Genotype | None, image_shape: tuple[int, int, int], num_classes: int
) -> NetworkSize:
    """Measures the network that `build_network` would build, without drawing its weights.

    Args:
        config: As for `build_network`.
        genotype: The cells.
        image_shape: Height, width and channels of an image.
        num_classes: Classes to tell apart.

    Raises:
        ConfigurationError: The settings do not fit together.
    """

    def measure() -> NetworkSize:
        with keras.StatelessScope(initialize_variables=False):
            network = build_network(config, genotype, image_shape, num_classes)
        return NetworkSize(*count_parameters(network), count_multiply_adds(network, image_shape))

    # Keras keeps a list, one for each thread, of the variables that have no values yet, and would draw them all at the
    # next chance; it ends with the thread.
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(measure).result()


def config_within_budget(
    config: EvaluationConfig, genotype: Genotype | None, image_shape: tuple[int, int, int], num_classes: int
) -> tuple[EvaluationConfig, str]:
    """Lowers `init_channels` to the largest number within `max_parameters` and `max_multiply_adds`.

    Args:
        config: The settings.
        genotype: The cells.
        image_shape: Height, width and channels of an image.
        num_classes: Classes to tell apart.

    Returns:
        The settings with as many channels as fit, and a sentence that says so, empty without a budget.

    Raises:
        ConfigurationError: Even the narrowest network is too large.
    """

    def measure(channels: int) -> NetworkSize:
        return network_size(dataclasses.replace(config, init_channels=channels), genotype, image_shape, num_classes)

    return fit_to_budget(config, measure)


def described_images(config: EvaluationConfig) -> tuple[tuple[int, int, int], int]:
    """Returns the image shape, (height, width, channels), and the classes that `describe_network` describes.

    Args:
        config: The settings.

    Raises:
        DatasetError: The data set is unknown, or its images differ in size and no `image_size` is given.
    """
    default = {field.name: field.default for field in dataclasses.fields(config)}["dataset"]
    if config.dataset == default:
        image_shape = (*(config.image_size or USUAL_IMAGE_SIZES[config.stem]), COLOUR_CHANNELS)
        return image_shape, config.num_classes or USUAL_CLASSES[config.stem]
    outline = outline_images(config.dataset, config.data_dir, config.image_size)
    return outline.image_shape, config.num_classes or outline.num_classes


def description_text(description: dict[str, Any]) -> str:
    """Returns what `describe_network` returned as lines for people.

    Args:
        description: Its result.
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
    }
    return "".join(f"{name:<22}{text}\n" for name, text in rows.items())


def describe_network(config: EvaluationConfig) -> dict[str, Any]:
    """Measures the network that the settings describe; loads no images, prints what a budget made of it to stderr.

    Args:
        config: The settings. Images and classes are those of `dataset` where it is not the default; with the
            default, colour images of `image_size` or of the stem's usual size, and its usual classes. `num_classes`
            has priority over both.

    Returns:
        A JSON object with the network's parameters, auxiliary parameters and multiply-adds.

    Raises:
        EoinasError: The genotype cannot be read, or the settings do not fit together.
    """
    genotype = configured_genotype(config)
    image_shape, num_classes = described_images(config)
    config, message = config_within_budget(config, genotype, image_shape, num_classes)
    if message:
        print(message, file=sys.stderr)
    size = network_size(config, genotype, image_shape, num_classes)
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
    }
