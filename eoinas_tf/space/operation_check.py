"""A user's own operations, each tried on a small batch before images are read."""

from collections.abc import Iterable

import keras
import tensorflow as tf

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.space.convolution_blocks import strided_shape
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.initializers import initializers_by_variable
from eoinas_tf.space.operation_names import FINAL_NETWORK_OPERATION_NAMES, OPERATION_NAMES
from eoinas_tf.space.operations import OPERATIONS

# A side that two does not divide, and channels unlike every other size.
TRIED_SHAPE = (2, 5, 5, 4)


def check_operations_of_cells(genotype: Genotype | None) -> None:
    """Refuses cells with operations that cannot be part of a final network; see `check_own_operations`.

    Args:
        genotype: The cells; None for a network that is not made of cells.
    """
    if genotype is not None:
        pairs = (*genotype.normal, *genotype.reduce)
        check_own_operations((operation for operation, _ in pairs), in_supernet=False)


def check_own_operations(names: Iterable[str], in_supernet: bool) -> None:
    """Refuses operations that do not do what `register_operation` asks for; those of this package are not tried.

    Args:
        names: Names of operations, all of them known.
        in_supernet: Whether they are candidates of a search too, not only parts of a final network.

    Raises:
        ConfigurationError: One does not take the arguments, creates variables when it is called, has another output
            shape or, in a super network, does not keep an initializer or holds untrained variables. Whatever else an
            operation raises itself is not caught: the traceback says where.
    """
    for name in dict.fromkeys(names):
        if name in OPERATION_NAMES + FINAL_NETWORK_OPERATION_NAMES:
            continue
        for stride in (1, 2):
            for affine in (True, False) if in_supernet else (True,):
                _try_operation(name, stride, affine)


def _try_operation(name: str, stride: int, affine: bool) -> None:
    channels = TRIED_SHAPE[-1]
    received = f"Received: {name}(channels={channels}, stride={stride}, affine={affine})"
    try:
        layer = OPERATIONS[name](channels=channels, stride=stride, affine=affine, name="tried")
    except TypeError as error:
        raise ConfigurationError(
            f"the operation {name} must take channels, stride, affine and name: {error}; correct it. {received}"
        ) from error
    if not isinstance(layer, keras.layers.Layer):
        raise ConfigurationError(
            f"the operation {name} must be a Keras layer, and is {layer!r}; correct it. {received}"
        )
    # A super network builds it for images of any size.
    layer.build((None, *TRIED_SHAPE[1:]) if affine else (None, None, None, channels))
    built = len(layer.variables)
    outputs = layer(tf.random.stateless_normal(TRIED_SHAPE, (0, 0)), training=affine)
    if len(layer.variables) != built:
        raise ConfigurationError(
            f"the operation {name} must create its variables in `build`, and creates some when it is called; build the "
            f"layers inside it there. {received}"
        )
    expected = strided_shape(TRIED_SHAPE, stride, channels)
    if tuple(outputs.shape) != tuple(expected):
        raise ConfigurationError(
            f"the operation {name} must map {list(TRIED_SHAPE)} to {list(expected)}, and its output is "
            f"{list(outputs.shape)}; correct it. {received}"
        )
    if affine:
        return
    if layer.non_trainable_variables:
        raise ConfigurationError(
            f"the operation {name} must hold no untrained variables with affine=False, and has "
            f"{layer.non_trainable_variables[0].path}; leave out moving statistics and layers with random numbers. "
            f"{received}"
        )
    try:
        initializers_by_variable(layer)
    except ValueError as error:
        raise ConfigurationError(f"the operation {name}: {error}. {received}") from error
