"""Runs one of several branches, chosen by an index: as a call where images are few, inlined where they are many.

TensorFlow inlines the branches of a choice into the graph around it, where, on a processor, it replaces their
operations by oneDNN's. With few images these take longer than its own, and so does getting there. A branch that is
left a function of its own keeps TensorFlow's kernels.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

# No public function leaves branches uninlined. tf.switch_case calls this one.
from tensorflow.python.ops.cond_v2 import indexed_case

from eoinas_tf.space.processor_kernels import has_gpu

# Of a batch of images; below, calling takes 0.6 to 1.0 of the time, above, inlined 0.7 to 1.0 (benchmarks/README.md).
FEWEST_NUMBERS_TO_INLINE = 2**15


def run_one_of(branches: Sequence[Callable[[], tf.Tensor]], index: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Runs the branch at the index, and only that one.

    Args:
        branches: Functions without arguments that return tensors of one type and shape.
        index: Which of them, int32 scalar.
        images: What they work on; its static shape says how the choice is built.

    Returns:
        What the branch returns.
    """
    if are_few(images):
        return indexed_case(index, branches, lower_using_switch_merge=False)
    return tf.switch_case(index, branches)


def are_few(images: tf.Tensor) -> bool:
    """Returns whether images are few: a batch of known shape, small enough, in a graph, and where there is no GPU."""
    return (
        images.shape.is_fully_defined()
        and images.shape.num_elements() < FEWEST_NUMBERS_TO_INLINE
        and not tf.executing_eagerly()
        and not has_gpu()
    )
