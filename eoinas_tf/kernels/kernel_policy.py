"""Every choice made for speed: thresholds, and questions about devices, shapes, types, oneDNN, XLA and Grappler.

On a CPU, XLA's loops over large batches are several times as fast as some of TensorFlow's kernels: slices of every
second pixel, dilated depthwise convolutions, gradients of strided ones. TensorFlow's batch normalization, its other
depthwise convolutions and the gradient of its maximum pooling are slow too, unless oneDNN computes them; oneDNN is then
the fastest of all. `docs/performance_log.md` has the measurements behind each threshold.

The implementations agree up to rounding: a choice changes speed and the last bits, never the meaning.
"""

import contextlib
import contextvars
import functools
from collections.abc import Iterator

import tensorflow as tf

from eoinas_tf.kernels import tensorflow_internals

# Elements in a batch of images. With fewer, calling a compiled function costs what it saves, and each shape has to be
# compiled.
MIN_ELEMENTS_TO_COMPILE = 2**18
# Depthwise convolutions take longest to compile, and TensorFlow's own are fast for fewer pixels with more channels.
MIN_ELEMENTS_TO_COMPILE_CONVOLUTION = 2**20
# OneDNN's pooling needs no compilation. With fewer elements, a search's operations keep TensorFlow's own kernels.
MIN_ELEMENTS_FOR_ONEDNN_POOLING = 2**15
# With fewer, a called branch takes 0.6 to 1.0 of the time of an inlined one; with more, 1.0 to 1.4.
MIN_ELEMENTS_TO_INLINE_BRANCHES = 2**15
# OneDNN's normalization is faster than a compiled one if the channels fill its vectors, otherwise slower.
ONEDNN_VECTOR_CHANNELS = 16
# TensorFlow's gradient of a depthwise kernel with more columns is several times slower.
MAX_KERNEL_COLUMNS = 3
# Whether graphs are built of TensorFlow's own operations alone.
_IS_PLAIN = contextvars.ContextVar("is_plain", default=False)


@functools.cache
def has_gpu() -> bool:
    """Returns whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


@functools.cache
def has_onednn() -> bool:
    """Returns whether TensorFlow replaces a graph's operations with oneDNN's on a CPU.

    The environment variable TF_ENABLE_ONEDNN_OPTS decides, which the commands set to 1 on x86 CPUs. Without it, it does
    so on CPUs with instructions for neural networks.
    """
    return tensorflow_internals.is_onednn_enabled()


@contextlib.contextmanager
def plain_operations() -> Iterator[None]:
    """Builds the graphs of its block without kernels made for CPUs, whatever the batch, as an export is built."""
    token = _IS_PLAIN.set(True)
    try:
        yield
    finally:
        _IS_PLAIN.reset(token)


def use_cpu_kernels(images: tf.Tensor, min_elements: int | None = None) -> bool:
    """Returns whether kernels made for CPUs compute these images.

    They do without a GPU, in graphs, in float32, for large batches of known shape: each shape is compiled once, and an
    export must accept a batch of any size.

    Args:
        images: [batch, height, width, channels].
        min_elements: Elements of a large batch; by default `MIN_ELEMENTS_TO_COMPILE`.
    """
    return (
        not _IS_PLAIN.get()
        and images.shape.is_fully_defined()
        and images.shape.num_elements() >= (MIN_ELEMENTS_TO_COMPILE if min_elements is None else min_elements)
        and images.dtype == tf.float32
        and not tf.executing_eagerly()
        and not has_gpu()
    )


def compile_batch_normalization(images: tf.Tensor) -> bool:
    """Returns whether a compiled normalization computes these images: on a CPU, if oneDNN would not be faster.

    Args:
        images: [batch, height, width, channels].
    """
    return use_cpu_kernels(images) and not (has_onednn() and images.shape[-1] % ONEDNN_VECTOR_CHANNELS == 0)


def compile_convolution(images: tf.Tensor, stride: int, dilation: int) -> bool:
    """Returns whether a compiled sum of shifted images replaces TensorFlow's depthwise convolution.

    The sum exists for stride 1. There oneDNN is faster, unless the kernel is dilated.

    Args:
        images: [batch, height, width, channels].
        stride: 1 or 2.
        dilation: Spacing of the kernel's taps in pixels; 1 if the stride is 2.
    """
    is_faster = dilation == 2 or (stride == 1 and not has_onednn())
    return is_faster and use_cpu_kernels(images, MIN_ELEMENTS_TO_COMPILE_CONVOLUTION)


def split_kernel_columns(size: int, stride: int) -> bool:
    """Returns whether a depthwise kernel's gradient is computed for `MAX_KERNEL_COLUMNS` columns at a time.

    Args:
        size: Taps per side of the kernel.
        stride: 1 or 2.
    """
    return size > MAX_KERNEL_COLUMNS and stride == 1


def use_cpu_pooling(images: tf.Tensor) -> bool:
    """Returns whether a CPU's maximum pooling computes these images; oneDNN's needs fewer, as it compiles nothing.

    Args:
        images: [batch, height, width, channels].
    """
    return use_cpu_kernels(images, MIN_ELEMENTS_FOR_ONEDNN_POOLING if has_onednn() else None)


def compile_pooling() -> bool:
    """Returns whether a CPU's maximum pooling is compiled; oneDNN's is faster."""
    return not has_onednn()


def is_small_batch(images: tf.Tensor) -> bool:
    """Returns whether a CPU runs so few elements that handing them over to oneDNN costs more than it saves.

    Args:
        images: [batch, height, width, channels]; a batch of unknown size is not small.
    """
    return (
        images.shape.is_fully_defined()
        and images.shape.num_elements() < MIN_ELEMENTS_TO_INLINE_BRANCHES
        and not tf.executing_eagerly()
        and not has_gpu()
    )


def compile_resizing(resized: tf.Tensor, image_size: tuple[int, int] | tf.Tensor) -> bool:
    """Returns whether the last part of resizing images is compiled.

    Each shape is compiled once, so only sizes that all images of a data set are resized to are worth it.

    Args:
        resized: The resized images, height and width swapped.
        image_size: (height, width) in pixels that they are resized to; a tensor if each image has its own.
    """
    return not tf.is_tensor(image_size) and resized.shape.is_fully_defined()


def rewrite_called_functions() -> bool:
    """Returns whether Grappler rewrites functions that a graph calls.

    On a CPU that makes them no faster. With a GPU, Grappler also chooses the memory layout of images.
    """
    return has_gpu()


def rewrite_graphs(image_shape: tuple[int, int, int], init_channels: int, batch_size: int) -> bool:
    """Returns whether Grappler rewrites the steps of a search; on small images that makes them no faster.

    Args:
        image_shape: (height, width, channels) of an image.
        init_channels: C, the channels of the first cell.
        batch_size: Images in a batch.
    """
    height, width, _ = image_shape
    return has_gpu() or batch_size * height * width * init_channels >= MIN_ELEMENTS_TO_COMPILE
