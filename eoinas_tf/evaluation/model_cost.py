"""A final network's size: its parameters, and its multiply-adds for classifying one image.

Counting rule of the published tables: parameters are those of convolutions, dense layers, and normalization's scale and
offset; multiply-adds are those of convolutions and dense layers. Neither includes the auxiliary head.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import keras

from eoinas_tf.evaluation.final_networks import FinalNetwork


class NetworkSize(NamedTuple):
    """The size of a network.

    Args:
        parameters: Trainable elements, without those of the auxiliary head.
        auxiliary_parameters: Trainable elements of the auxiliary head.
        multiply_adds: Multiply-adds of convolutions and dense layers for one image, without the auxiliary head.
        peak_memory_bytes: Peak memory of one image's activations, see `peak_memory.py`; None if it was not computed.
    """

    parameters: int
    auxiliary_parameters: int
    multiply_adds: int
    peak_memory_bytes: int | None = None


def count_parameters(network: FinalNetwork) -> tuple[int, int]:
    """Counts trainable elements, which excludes normalization's moving statistics.

    Args:
        network: A built network.

    Returns:
        Parameters of the network without its auxiliary head, and of the auxiliary head.
    """
    total = _count(network.trainable_variables)
    auxiliary = 0 if network.auxiliary_head is None else _count(network.auxiliary_head.trainable_variables)
    return total - auxiliary, auxiliary


def count_multiply_adds(network: FinalNetwork, image_shape: tuple[int, int, int]) -> int:
    """Counts the multiply-adds of convolutions and dense layers for one image, from shapes alone.

    Every element of a kernel is multiplied once at each position of the output, whatever the kernel's stride, dilation
    or groups; and all kernels of a block work at the resolution of the block's output, or else the block yields the
    layers for which that is true. So each block's kernels and output shape suffice: nothing is run or traced, and the
    way an operation is computed does not change its count.

    Args:
        network: A built network.
        image_shape: Height, width and channels of an image.

    Returns:
        Multiply-adds without the auxiliary head.
    """
    blocks = list(_blocks(network, (1, *image_shape)))
    # A block without known shapes would silently be missing from the sum.
    kernels = {id(kernel) for block, _ in blocks for kernel in _kernels(block)}
    left_out = _kernels(network.auxiliary_head) if network.auxiliary_head is not None else []
    if kernels != {id(kernel) for kernel in _kernels(network)} - {id(kernel) for kernel in left_out}:
        raise ValueError("the network holds a kernel that layer_shapes does not lead to")
    return sum(_count(_kernels(block)) * math.prod(block.compute_output_shape(shape)[1:-1]) for block, shape in blocks)


def _blocks(layer: keras.layers.Layer, input_shape) -> Iterator[tuple[keras.layers.Layer, tuple]]:
    """Yields the blocks of the network, of a cell or of an operation with the shapes of their inputs."""
    for part, shape in layer.layer_shapes(input_shape):
        if part is getattr(layer, "auxiliary_head", None):
            continue
        if hasattr(part, "layer_shapes"):
            yield from _blocks(part, shape)
        else:
            yield part, shape


def _kernels(layer: keras.layers.Layer) -> list[keras.Variable]:
    return [weight for weight in layer.trainable_weights if weight.name == "kernel"]


def _count(variables: list[keras.Variable]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)
