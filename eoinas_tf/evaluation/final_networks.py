"""The kinds of final network by name: the network of a genotype's cells, and hand-designed ones."""

from collections.abc import Callable

import keras

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.block_network import BlockNetwork
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.mobile_network import MobileNetV2
from eoinas_tf.evaluation.residual_network import ResidualNetwork
from eoinas_tf.space.genotype import Genotype

FinalNetwork = EvaluationNetwork | BlockNetwork


def _cell_network(config: EvaluationConfig, genotype: Genotype | None, num_classes: int) -> FinalNetwork:
    if genotype is None:
        raise ValueError("a network of cells needs a genotype")
    return EvaluationNetwork(
        genotype,
        num_classes,
        cells=config.cells,
        init_channels=config.init_channels,
        stem=config.stem,
        auxiliary=config.auxiliary_weight > 0,
    )


def _residual_network(config: EvaluationConfig, genotype: Genotype | None, num_classes: int) -> FinalNetwork:
    return ResidualNetwork(num_classes, config.cells, config.init_channels, config.stem)


def _mobile_network(config: EvaluationConfig, genotype: Genotype | None, num_classes: int) -> FinalNetwork:
    return MobileNetV2(num_classes, config.init_channels, config.stem)


# For each value of --network: a function that builds it from the settings, the genotype (None unless it has cells), and
# the classes.
FINAL_NETWORKS: dict[str, Callable[[EvaluationConfig, Genotype | None, int], FinalNetwork]] = {
    "cells": _cell_network,
    "residual": _residual_network,
    "mobilenet_v2": _mobile_network,
}


def backbone_layers(network: FinalNetwork) -> list[keras.layers.Layer]:
    """Returns the layers of a network in order, except its classifier and its auxiliary head.

    Args:
        network: The built network.
    """
    heads = {id(network.classifier), id(network.auxiliary_head)}
    return [layer for layer in network.layers if id(layer) not in heads]
