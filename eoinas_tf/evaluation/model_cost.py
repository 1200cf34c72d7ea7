"""A final network's size: its parameters, and its multiply-adds in a test of one image.

Counting rule of the published tables: parameters are convolutions, normalization's scale and
offset, and dense layers; multiply-adds are those of convolutions and dense layers; the
auxiliary head is in neither.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import keras

from eoinas_tf.evaluation.final_networks import FinalNetwork


class NetworkSize(NamedTuple):
    """How large a network is.

    Args:
        parameters: Trainable elements without the auxiliary head's.
        auxiliary_parameters: The auxiliary head's.
        multiply_adds: Of convolutions and dense layers for one image, without the auxiliary head.
        peak_memory_bytes: Of one image's activations; see `peak_memory.py`. None where it was not asked for.
    """

    parameters: int
    auxiliary_parameters: int
    multiply_adds: int
    peak_memory_bytes: int | None = None


def count_parameters(network: FinalNetwork) -> tuple[int, int]:
    """Counts trainable elements; normalization's moving statistics are none.

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

    Every entry of a kernel meets one value at each position of the output, whatever the
    kernel's stride, dilation or groups; and all kernels of a block work at the resolution
    of the block's output, or the block yields the layers of which that is true. So it is
    enough to know each block's kernels and output shape: nothing is run or traced, and how
    an operation is computed does not change its count.

    Args:
        network: A built network.
        image_shape: Height, width and channels of an image.

    Returns:
        Multiply-adds without the auxiliary head.
    """
    blocks = list(_blocks(network, (1, *image_shape)))
    # A part that does not tell its shapes would be missing from the sum without anyone noticing.
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
