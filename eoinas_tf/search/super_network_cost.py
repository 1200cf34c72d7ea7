"""The multiply-adds of a super network for one image where every edge runs one operation."""

import math
from collections.abc import Iterable

import keras

from eoinas_tf.supernet.search_network import SearchNetwork


def mean_multiply_adds(network: SearchNetwork, image_shape: tuple[int, int, int]) -> int:
    """Returns the multiply-adds of convolutions and the dense layer for one image, on average over all operations.

    Every element of a kernel meets one value at each position of its operation's output, so that an edge's vector
    of weights, which holds the kernels of all operations, tells their sum.

    Args:
        network: A built network.
        image_shape: (height, width, channels) of an image.
    """
    height, width, _ = image_shape
    total = count_elements(network.stem.trainable_weights) * height * width
    for cell in network.cells:
        inputs = [*cell.fit_before_previous.trainable_weights, *cell.fit_previous.trainable_weights]
        total += count_elements(inputs) * height * width
        # Of a reduction cell, all nodes have the size that the first edge brings the inputs to.
        _, height, width, _ = cell.edges[0].compute_output_shape((1, height, width, cell.edges[0].channels))
        weights = count_elements(edge.operation_weights for edge in cell.edges)
        total += round(weights / len(network.operation_names)) * height * width
    return total + count_elements([network.classifier.kernel])


def count_elements(variables: Iterable[keras.Variable]) -> int:
    """Returns how many values variables hold together."""
    return sum(math.prod(variable.shape) for variable in variables)
