"""Random numbers that depend on (seed, purpose, step) and on nothing else.

There is no generator whose state would have to be saved: whoever knows the run's seed, what
the numbers are for, and the step, draws the same numbers again. That is what lets a resumed
run repeat an uninterrupted one, and replicas agree without talking.
"""

import contextlib
import hashlib
import random
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

# Named where a stateless op draws, so that no device picks another algorithm on its own.
ALGORITHM = "philox"


def purpose_number(seed: int, purpose: str) -> int:
    """Folds a run's seed and a purpose into one number.

    Args:
        seed: The run's seed.
        purpose: What the random numbers are for, such as `"gumbel noise, weight step"`. Two
            purposes of one run draw independent numbers.

    Returns:
        A number in [0, 2**63): the leading bits of a SHA-256 digest, so it is the same in
        every process (Python's own `hash` is not) and close seeds share nothing.
    """
    digest = hashlib.sha256(f"{int(seed)}\n{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stateless_seed(seed: int, purpose: str, step: int | tf.Tensor) -> tf.Tensor:
    """Makes the seed of one stateless random op at one step.

    Args:
        seed: The run's seed.
        purpose: What the random numbers are for; see `purpose_number`.
        step: Global step, a number or an integer tensor of shape []. It may be a tensor inside
            a graph: one trace serves all steps.

    Returns:
        int64 tensor of shape [2], (`purpose_number(seed, purpose)`, step), to be passed as
        `seed` to `tf.random.stateless_*` together with `alg=ALGORITHM`.
    """
    return tf.stack([tf.constant(purpose_number(seed, purpose), tf.int64), tf.cast(step, tf.int64)])


@contextlib.contextmanager
def kept_generators() -> Iterator[None]:
    """Lets Python's and NumPy's generators, from which layers and libraries draw, go on afterwards as before."""
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 -- others may draw from it
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


@contextlib.contextmanager
def initial_weights_seed(seed: int) -> Iterator[None]:
    """Seeds what initial weights come from while layers are built; afterwards the generators are as they were.

    Keras's initializers draw their own seeds from Python's generator. TensorFlow's global seed has no part in them, and
    to set it would make TensorFlow prepare every traced function anew.

    Args:
        seed: The seed; networks built under the same one start with the same weights, which are those that
            `keras.utils.set_random_seed` gives them.
    """
    with kept_generators():
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        yield


def epoch_order(size: int, seed: int, stream: str, epoch: int) -> np.ndarray:
    """Returns the order in which one epoch visits `size` items.

    The permutation sorts raw 64-bit words of PCG64. NumPy keeps those words the same from
    version to version, which it does not promise for `Generator.permutation`.

    Args:
        size: Number of items.
        seed: The run's seed.
        stream: Which order this is, such as `"weight half"`; two streams have independent orders.
        epoch: The epoch, counted from 0.

    Returns:
        int64 array of shape [size], a permutation of 0 .. size - 1.
    """
    sequence = np.random.SeedSequence([purpose_number(seed, stream), int(epoch)])
    words = np.random.PCG64(sequence).random_raw(int(size))
    return np.argsort(words, kind="stable").astype(np.int64)
