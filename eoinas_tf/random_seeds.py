"""Random values that depend on (seed, purpose, step) and on nothing else.

There is no generator whose state would have to be saved: with the run's seed, the purpose of the values, and the step,
the same values can be drawn again. Therefore a resumed run repeats an uninterrupted one, and replicas agree without
communicating.
"""

import contextlib
import hashlib
import random
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

# Named wherever a stateless operation draws, so that no device chooses another algorithm.
ALGORITHM = "philox"


def purpose_number(seed: int, purpose: str) -> int:
    """Folds a run's seed and a purpose into one number.

    Args:
        seed: The run's seed.
        purpose: What the random values are for, such as `"gumbel noise, weight step"`. Two purposes of a run draw
            independent values.

    Returns:
        A number in [0, 2**63): the leading bits of a SHA-256 digest, so it is the same in every process (Python's own
        `hash` is not) and unrelated for neighbouring seeds.
    """
    digest = hashlib.sha256(f"{int(seed)}\n{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stateless_seed(seed: int, purpose: str, step: int | tf.Tensor) -> tf.Tensor:
    """Makes the seed of one stateless random operation at one step.

    Args:
        seed: The run's seed.
        purpose: What the random values are for; see `purpose_number`.
        step: Global step, a number or an integer tensor of shape []. It may be a tensor inside a graph: one trace
            serves all steps.

    Returns:
        int64 tensor of shape [2], (`purpose_number(seed, purpose)`, step), to be passed as `seed` to
        `tf.random.stateless_*` together with `alg=ALGORITHM`.
    """
    return tf.stack([tf.constant(purpose_number(seed, purpose), tf.int64), tf.cast(step, tf.int64)])


@contextlib.contextmanager
def kept_generators() -> Iterator[None]:
    """Restores, after the block, the state of Python's and NumPy's generators, from which layers and libraries draw."""
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 -- others may draw from it
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


@contextlib.contextmanager
def initial_weights_seed(seed: int) -> Iterator[None]:
    """Seeds the generators of initial weights while layers are built; afterwards their previous state is restored.

    Keras's initializers draw their own seeds from Python's generator. TensorFlow's global seed does not affect them,
    and setting it would make TensorFlow prepare every traced function again.

    Args:
        seed: The seed; networks built with the same seed start with the same weights, which are those that
            `keras.utils.set_random_seed` gives.
    """
    with kept_generators():
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        yield


def epoch_order(size: int, seed: int, stream: str, epoch: int) -> np.ndarray:
    """Returns the order in which one epoch visits `size` items.

    The permutation sorts raw 64-bit words from PCG64. NumPy keeps those words the same across versions, which it does
    not promise for `Generator.permutation`.

    Args:
        size: Number of items.
        seed: The run's seed.
        stream: Name of the order, such as `"weight half"`; two streams have independent orders.
        epoch: The epoch, counted from 0.

    Returns:
        int64 array of shape [size], a permutation of 0 .. size - 1.
    """
    sequence = np.random.SeedSequence([purpose_number(seed, stream), int(epoch)])
    words = np.random.PCG64(sequence).random_raw(int(size))
    return np.argsort(words, kind="stable").astype(np.int64)
