"""The multiply-adds of a super network for one image when every edge runs a single operation."""

import math
from collections.abc import Iterable

import keras

from eoinas_tf.supernet.search_network import SearchNetwork


def mean_multiply_adds(network: SearchNetwork, image_shape: tuple[int, int, int]) -> int:
    """Returns the multiply-adds of convolutions and the dense layer for one image, on average over all operations.

    Every element of a kernel is multiplied once at each position of its operation's output, so the size of an edge's
    weight vector, which holds the kernels of all operations, gives their sum.

    Args:
        network: A built network.
        image_shape: (height, width, channels) of an image.
    """
    height, width, _ = image_shape
    total = count_elements(network.stem.trainable_weights) * height * width
    for cell in network.cells:
        inputs = [*cell.fit_before_previous.trainable_weights, *cell.fit_previous.trainable_weights]
        total += count_elements(inputs) * height * width
        # In a reduction cell, all nodes have the size to which the first edge reduces the inputs.
        _, height, width, _ = cell.edges[0].compute_output_shape((1, height, width, cell.edges[0].channels))
        weights = count_elements(edge.operation_weights for edge in cell.edges)
        total += round(weights / len(network.operation_names)) * height * width
    return total + count_elements([network.classifier.kernel])


def count_elements(variables: Iterable[keras.Variable]) -> int:
    """Returns the total number of values in the variables."""
    return sum(math.prod(variable.shape) for variable in variables)
