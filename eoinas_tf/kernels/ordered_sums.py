"""Sums whose terms are added in one fixed order, so that the same step gives the same bits every time.

TensorFlow's AddN, which also adds up the gradients of a tensor with several readers, writes into whichever input's
buffer happens to be free and starts with that one. With three or more terms the rounding then depends on the timing of
other operations, and a resumed run drifts away from an uninterrupted one.
"""

import contextlib
import contextvars
import functools
from collections.abc import Iterator, Sequence

import tensorflow as tf

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.kernels.compiled_functions import compiled
from eoinas_tf.kernels.quantizable_operations import is_quantizable

# Whether no gradient will be requested, so that its order does not matter.
_WITHOUT_GRADIENTS = contextvars.ContextVar("without_gradients", default=False)


@contextlib.contextmanager
def without_gradients() -> Iterator[None]:
    """Makes the sums and copies in its block plain operations with the same values.

    An exported graph keeps no functions that compute gradients; TensorFlow warns about each missing one.
    """
    token = _WITHOUT_GRADIENTS.set(True)
    try:
        yield
    finally:
        _WITHOUT_GRADIENTS.reset(token)


def ordered_sum(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Adds tensors in the given order.

    Args:
        tensors: Tensors of one shape and type, at least one.

    Returns:
        Their sum.
    """
    if is_quantizable():
        return functools.reduce(tf.add, tensors)
    if len(tensors) <= 2:  # Two terms give the same bits in either order.
        return tf.add_n(tensors)
    if _WITHOUT_GRADIENTS.get():
        return tf.reduce_sum(tf.stack(tensors), axis=0)

    @tf.custom_gradient
    def added(*terms: tf.Tensor):
        # TensorFlow rewrites a chain of additions as AddN, but not compiled code or a sum over an axis.
        is_compiled = kernel_policy.use_cpu_kernels(terms[0])
        total = _add(*terms) if is_compiled else tf.reduce_sum(tf.stack(terms), axis=0)
        return total, lambda gradient: [gradient] * len(terms)

    return added(*tensors)


@compiled
def _add(*terms: tf.Tensor) -> tf.Tensor:
    return functools.reduce(tf.add, terms)


def fan_out(tensor: tf.Tensor, readers: int) -> list[tf.Tensor]:
    """Gives each reader of a tensor its own copy, so that their gradients are added in the readers' order.

    Args:
        tensor: Any tensor.
        readers: How many copies.

    Returns:
        The copies; nothing is copied in memory.
    """
    if readers <= 2 or _WITHOUT_GRADIENTS.get():
        return [tensor] * readers

    @tf.custom_gradient
    def copies(original: tf.Tensor):
        return [tf.identity(original) for _ in range(readers)], lambda *gradients: ordered_sum(gradients)

    return copies(tensor)
