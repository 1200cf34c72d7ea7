"""Weights of DARTS's PyTorch networks, under the names and in the layouts used there.

P-DARTS and others that build on DARTS's code use the same names. PyTorch has channels first, [output, input, height,
width], where Keras has [height, width, input, output]; a dense layer's matrix is transposed. The order of channels is
the same on both sides, even where outputs are concatenated, and nothing larger than one pixel is flattened.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import keras
import numpy as np

from eoinas_tf.errors import WeightsError
from eoinas_tf.evaluation.auxiliary_head import AuxiliaryHead
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.weight_files import StoredTensor, quoted
from eoinas_tf.space.convolution_blocks import DepthwiseSeparableUnit, FactorizedReduction, ReLUConvolution
from eoinas_tf.space.operations import DilatedConvolution, Identity, RowColumnConvolution, SeparableConvolution

# For each axis of a Keras variable, the axis of the PyTorch tensor.
CONVOLUTION = (2, 3, 1, 0)
DEPTHWISE = (2, 3, 0, 1)
DENSE = (1, 0)
VECTOR = (0,)

AUXILIARY_HEAD = "auxiliary_head."
DATA_PARALLEL = "module."
VARIANCE = "running_var"
BATCH_COUNTER = "num_batches_tracked"
ADVICE = (
    "--genotype, --cells, --init_channels, --stem and the data set's classes must be those that the weights were "
    "trained with"
)


class PytorchTensor(NamedTuple):
    """Where a tensor of a PyTorch network goes.

    Args:
        name: Its name in the state_dict.
        variable: The variable that receives it.
        axes: For each axis of the variable, the axis of the tensor.
    """

    name: str
    variable: keras.Variable
    axes: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the tensor must have."""
        return tuple(self.variable.shape[self.axes.index(axis)] for axis in range(len(self.axes)))


def load_pytorch_weights(network: EvaluationNetwork, tensors: Mapping[str, StoredTensor]) -> None:
    """Gives a network all weights and moving statistics of a PyTorch network.

    The tensors must be exactly those of the network, except for PyTorch's batch counters and for an auxiliary head that
    the network lacks. Cells whose operations have the same shapes but read other nodes cannot be told apart. Nothing is
    changed unless everything fits.

    Args:
        network: A built network.
        tensors: The state_dict, as `opened_weights` yields it; all names may begin with `module.`.

    Raises:
        WeightsError: They do not fit; the message names the first tensor that does not.
    """
    given = dict(tensors)
    if all(name.startswith(DATA_PARALLEL) for name in given):
        given = {name.removeprefix(DATA_PARALLEL): tensor for name, tensor in given.items()}
    needed = list(pytorch_tensors(network))
    for tensor in needed:
        if tensor.name not in given:
            raise WeightsError(f"holds no {tensor.name}, which must have shape {tensor.shape}; {ADVICE}")
        if given[tensor.name].shape != tensor.shape:
            raise WeightsError(
                f"{tensor.name} must have shape {tensor.shape}. Received: {given[tensor.name].shape}; {ADVICE}"
            )
    left_over = given.keys() - {tensor.name for tensor in needed}
    for name in given:
        is_ignored = name.endswith(BATCH_COUNTER) or (
            network.auxiliary_head is None and name.startswith(AUXILIARY_HEAD)
        )
        if name in left_over and not is_ignored:
            raise WeightsError(f"{quoted(name)}, shape {given[name].shape}, has no place in the network; {ADVICE}")
    values = [_values(tensor, given[tensor.name]) for tensor in needed]
    for tensor, value in zip(needed, values, strict=True):
        tensor.variable.assign(value)


def _values(tensor: PytorchTensor, stored: StoredTensor) -> np.ndarray:
    """Returns a tensor's values in the layout of its variable."""
    try:
        with np.errstate(over="ignore"):
            values = stored.read().astype(np.float32)
    except WeightsError as error:
        raise WeightsError(f"{tensor.name}: {error}") from None
    if not np.all(np.isfinite(values)):
        raise WeightsError(f"{tensor.name} holds values that are NaN or infinite")
    if tensor.name.endswith(VARIANCE) and np.any(values < 0):
        raise WeightsError(f"{tensor.name} holds negative variances")
    return values.transpose(tensor.axes)


def pytorch_tensors(network: EvaluationNetwork) -> Iterator[PytorchTensor]:
    """Yields the tensor of every variable of a network, in the order of the call.

    Args:
        network: A built network.

    Raises:
        ValueError: The network has a variable without a name in PyTorch's network.
    """
    tensors = [*_stem(network), *_cells(network)]
    if network.auxiliary_head is not None:
        tensors += _auxiliary_head(network.auxiliary_head)
    tensors += _dense("classifier", network.classifier)
    if {id(tensor.variable) for tensor in tensors} != {id(variable) for variable in network.variables}:
        raise ValueError("the network holds a variable without a name in PyTorch's network")
    yield from tensors


def _stem(network: EvaluationNetwork) -> Iterator[PytorchTensor]:
    places = {"cifar": [("stem", 0)], "imagenet": [("stem0", 0), ("stem0", 3), ("stem1", 1)]}[network.stem]
    for (prefix, position), layer in zip(places, network.stem_convolutions, strict=True):
        yield from _convolution(f"{prefix}.{position}", layer.convolution)
        yield from _normalization(f"{prefix}.{position + 1}", layer.normalization)


def _cells(network: EvaluationNetwork) -> Iterator[PytorchTensor]:
    for position, cell in enumerate(network.cells):
        prefix = f"cells.{position}"
        yield from _block(f"{prefix}.preprocess0", cell.first_preprocessing)
        yield from _block(f"{prefix}.preprocess1", cell.second_preprocessing)
        for edge, operation in enumerate(cell.operations):
            yield from _block(f"{prefix}._ops.{edge}", operation)


def _block(prefix: str, layer: keras.layers.Layer) -> Iterator[PytorchTensor]:
    """Yields the tensors of a block or of an operation; pooling and identity have none."""
    if isinstance(layer, ReLUConvolution):
        yield from _convolution(f"{prefix}.op.1", layer.convolution)
        yield from _normalization(f"{prefix}.op.2", layer.normalization)
    elif isinstance(layer, FactorizedReduction):
        yield from _convolution(f"{prefix}.conv_1", layer.first_convolution)
        yield from _convolution(f"{prefix}.conv_2", layer.second_convolution)
        yield from _normalization(f"{prefix}.bn", layer.normalization)
    elif isinstance(layer, SeparableConvolution):
        yield from _unit(f"{prefix}.op", 1, layer.first_unit)
        yield from _unit(f"{prefix}.op", 5, layer.second_unit)
    elif isinstance(layer, DilatedConvolution):
        yield from _unit(f"{prefix}.op", 1, layer.unit)
    elif isinstance(layer, RowColumnConvolution):
        yield from _convolution(f"{prefix}.1", layer.row_convolution)
        yield from _convolution(f"{prefix}.2", layer.column_convolution)
        yield from _normalization(f"{prefix}.3", layer.normalization)
    elif isinstance(layer, Identity) and layer.stride == 2:
        yield from _block(prefix, layer.reduction)


def _unit(prefix: str, position: int, layer: DepthwiseSeparableUnit) -> Iterator[PytorchTensor]:
    yield PytorchTensor(f"{prefix}.{position}.weight", layer.depthwise.kernel, DEPTHWISE)
    yield from _convolution(f"{prefix}.{position + 1}", layer.pointwise)
    yield from _normalization(f"{prefix}.{position + 2}", layer.normalization)


def _auxiliary_head(head: AuxiliaryHead) -> Iterator[PytorchTensor]:
    yield from _convolution("auxiliary_head.features.2", head.first_convolution)
    yield from _normalization("auxiliary_head.features.3", head.first_normalization)
    yield from _convolution("auxiliary_head.features.5", head.second_convolution)
    if head.second_normalization is not None:
        yield from _normalization("auxiliary_head.features.6", head.second_normalization)
    yield from _dense("auxiliary_head.classifier", head.classifier)


def _convolution(prefix: str, layer: keras.layers.Conv2D) -> Iterator[PytorchTensor]:
    yield PytorchTensor(f"{prefix}.weight", layer.kernel, CONVOLUTION)


def _normalization(prefix: str, layer: keras.layers.BatchNormalization) -> Iterator[PytorchTensor]:
    yield PytorchTensor(f"{prefix}.weight", layer.gamma, VECTOR)
    yield PytorchTensor(f"{prefix}.bias", layer.beta, VECTOR)
    yield PytorchTensor(f"{prefix}.running_mean", layer.moving_mean, VECTOR)
    yield PytorchTensor(f"{prefix}.running_var", layer.moving_variance, VECTOR)


def _dense(prefix: str, layer: keras.layers.Dense) -> Iterator[PytorchTensor]:
    yield PytorchTensor(f"{prefix}.weight", layer.kernel, DENSE)
    yield PytorchTensor(f"{prefix}.bias", layer.bias, VECTOR)
