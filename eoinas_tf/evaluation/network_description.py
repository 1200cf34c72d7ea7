"""What `--describe` prints: a final network's size, without data and without training."""

from typing import Any, NamedTuple

import keras

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import load_genotype

# What the published tables are for.
USUAL_IMAGE_SIZES = {"cifar": (32, 32), "imagenet": (224, 224)}
USUAL_CLASSES = {"cifar": 10, "imagenet": 1000}
COLOUR_CHANNELS = 3


class NetworkSize(NamedTuple):
    """How large a network is.

    Args:
        parameters: Trained numbers without the auxiliary head's.
        auxiliary_parameters: The auxiliary head's.
        multiply_adds: Of convolutions and dense layers for one image, without the auxiliary head.
    """

    parameters: int
    auxiliary_parameters: int
    multiply_adds: int


def configured_genotype(config: EvaluationConfig) -> Genotype:
    """Returns the genotype that the settings name.

    Args:
        config: The settings.

    Raises:
        ConfigurationError: They name none.
        GenotypeError: It is not a genotype.
    """
    if not config.genotype:
        raise ConfigurationError("--genotype is missing: name a genotype.json file or a published one such as DARTS_V2")
    return load_genotype(config.genotype)


def build_network(
    config: EvaluationConfig, genotype: Genotype, image_shape: tuple[int, int, int], num_classes: int
) -> EvaluationNetwork:
    """Builds the network; initial weights come from Keras's global seed.

    Args:
        config: Depth, width, stem, and whether there is an auxiliary head (`auxiliary_weight` above 0).
        genotype: The cells.
        image_shape: Height, width and channels of an image.
        num_classes: Classes to tell apart.

    Raises:
        ConfigurationError: The settings do not fit together.
    """
    if config.stem == "imagenet" and config.init_channels < 2:
        raise ConfigurationError(
            f"--init_channels must be at least 2 with --stem=imagenet. Received: {config.init_channels}"
        )
    network = EvaluationNetwork(
        genotype,
        num_classes,
        cells=config.cells,
        init_channels=config.init_channels,
        stem=config.stem,
        auxiliary=config.auxiliary_weight > 0,
    )
    network.build((None, *image_shape))
    return network


def network_size(
    config: EvaluationConfig, genotype: Genotype, image_shape: tuple[int, int, int], num_classes: int
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
    with keras.StatelessScope(initialize_variables=False):
        network = build_network(config, genotype, image_shape, num_classes)
    return NetworkSize(*count_parameters(network), count_multiply_adds(network, image_shape))


def describe_network(config: EvaluationConfig) -> dict[str, Any]:
    """Measures the network that the settings describe; reads no data set.

    Args:
        config: The settings. Images are colour ones of `image_size`, of the stem's usual size where
            that is not given; classes likewise.

    Returns:
        A JSON object with the network's parameters, auxiliary parameters and multiply-adds.

    Raises:
        EoinasError: The genotype cannot be read, or the settings do not fit together.
    """
    genotype = configured_genotype(config)
    image_shape = (*(config.image_size or USUAL_IMAGE_SIZES[config.stem]), COLOUR_CHANNELS)
    num_classes = config.num_classes or USUAL_CLASSES[config.stem]
    size = network_size(config, genotype, image_shape, num_classes)
    return {
        "genotype": config.genotype,
        "genotype_source": genotype.source,
        "cells": config.cells,
        "init_channels": config.init_channels,
        "stem": config.stem,
        "image_shape": list(image_shape),
        "num_classes": num_classes,
        **size._asdict(),
    }
