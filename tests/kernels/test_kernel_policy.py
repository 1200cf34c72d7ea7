"""The choices for each device, batch, type and library."""

import os
import subprocess
import sys

import pytest
import tensorflow as tf
from kernel_checks import compiled_function_count, set_thresholds

from eoinas_tf.kernels import kernel_policy
from eoinas_tf.space.convolution_blocks import BatchStandardization, DepthwiseConvolution
from eoinas_tf.space.operations import build_operation

LARGE = (64, 32, 32, 16)


def answer(question, shape, dtype=tf.float32):
    """Asks about images of a shape, in a graph."""
    answers = []
    ask = tf.function(lambda images: answers.append(question(images)), autograph=False)
    ask.get_concrete_function(tf.TensorSpec(shape, dtype))
    return answers[0]


@pytest.mark.parametrize("switched_on", [True, False])
def test_whether_onednn_is_on(switched_on):
    program = "from eoinas_tf.kernels.kernel_policy import has_onednn; print(has_onednn())"
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": str(int(switched_on))}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout == f"{switched_on}\n"


@pytest.mark.usefixtures("any_size")
def test_kernels_that_onednn_has_are_not_compiled_beside_it(monkeypatch):
    """Normalization, pooling and convolution without dilation leave no compiled function in the graph."""

    def compiled_functions(layer):
        return compiled_function_count(layer, 2, 6, 6, 4)

    layers = [BatchStandardization(), DepthwiseConvolution(3), build_operation("max_pool_3x3", 4, 1, affine=False)]
    for onednn, expected in ((True, [0, 0, 0]), (False, [1, 1, 2])):
        monkeypatch.setattr(kernel_policy, "has_onednn", lambda onednn=onednn: onednn)
        assert [compiled_functions(layer) for layer in layers] == expected
        assert compiled_functions(DepthwiseConvolution(3, dilation=2)) == 1
    monkeypatch.setattr(kernel_policy, "has_onednn", lambda: True)
    for channels, expected in ((2, 0), (3, 1)):
        monkeypatch.setattr(kernel_policy, "ONEDNN_VECTOR_CHANNELS", channels)
        assert compiled_functions(BatchStandardization()) == expected


@pytest.mark.parametrize(
    ("thresholds", "onednn", "gpu", "shape", "dtype", "expected"),
    [
        ((0, 0, 0), True, False, (2, 4, 4, 3), tf.float32, (True, True, True)),
        ((0, 0, 0), True, False, (2, 4, 4, 3), tf.bfloat16, (False, False, False)),
        ((0, 0, 0), False, True, (2, 4, 6, 3), tf.float32, (False, False, False)),
        ((120, 1000, 0), True, False, (2, 4, 5, 3), tf.float32, (True, False, True)),
        ((1000, 1000, 150), True, False, (2, 5, 5, 3), tf.float32, (False, False, True)),
        ((1000, 1000, 150), True, False, (2, 7, 3, 3), tf.float32, (False, False, False)),
        ((1000, 1000, 150), False, False, (2, 6, 5, 3), tf.float32, (False, False, False)),
    ],
)
def test_small_images_other_types_and_gpus_are_left_alone(monkeypatch, thresholds, onednn, gpu, shape, dtype, expected):
    """Asks about every kernel, about convolutions and about poolings."""

    def uses(images):
        convolves = kernel_policy.use_cpu_kernels(images, kernel_policy.MIN_ELEMENTS_TO_COMPILE_CONVOLUTION)
        return kernel_policy.use_cpu_kernels(images), convolves, kernel_policy.use_cpu_pooling(images)

    set_thresholds(monkeypatch, thresholds)
    monkeypatch.setattr(kernel_policy, "has_onednn", lambda: onednn)
    monkeypatch.setattr(kernel_policy, "has_gpu", lambda: gpu)
    assert answer(uses, shape, dtype) == expected


@pytest.mark.parametrize(
    ("stride", "dilation", "onednn", "expected"),
    [(1, 1, True, False), (1, 1, False, True), (1, 2, True, True), (1, 2, False, True), (2, 1, False, False)],
)
def test_convolutions_are_compiled_where_neither_onednn_nor_a_stride_is_against_it(
    monkeypatch, stride, dilation, onednn, expected
):
    monkeypatch.setattr(kernel_policy, "has_onednn", lambda: onednn)
    assert answer(lambda images: kernel_policy.compile_convolution(images, stride, dilation), LARGE) is expected
    smaller = (LARGE[0] // 2, *LARGE[1:])
    assert answer(lambda images: kernel_policy.compile_convolution(images, stride, dilation), smaller) is False


@pytest.mark.parametrize(("size", "stride", "expected"), [(3, 1, False), (5, 1, True), (7, 1, True), (5, 2, False)])
def test_kernels_of_many_columns_are_split_at_stride_1(size, stride, expected):
    assert kernel_policy.split_kernel_columns(size, stride) is expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [([2, 8, 8, 4], True), ([2**15 // 256, 8, 8, 4], False), ([None, 8, 8, 4], False)],
)
def test_small_batches_are_those_of_known_shape_in_graphs_without_a_gpu(monkeypatch, shape, expected):
    assert answer(kernel_policy.is_small_batch, shape) is expected
    monkeypatch.setattr(kernel_policy, "has_gpu", lambda: True)
    assert answer(kernel_policy.is_small_batch, shape) is False


def test_outside_of_graphs_no_batch_is_small():
    assert not kernel_policy.is_small_batch(tf.zeros([2, 8, 8, 4]))


def test_graphs_are_rewritten_for_large_images_and_for_gpus(monkeypatch):
    assert not kernel_policy.rewrite_graphs((8, 8, 1), init_channels=4, batch_size=32)
    assert kernel_policy.rewrite_graphs((32, 32, 3), init_channels=16, batch_size=64)
    assert not kernel_policy.rewrite_called_functions()
    monkeypatch.setattr(kernel_policy, "has_gpu", lambda: True)
    assert kernel_policy.rewrite_graphs((8, 8, 1), init_channels=4, batch_size=32)
    assert kernel_policy.rewrite_called_functions()


def test_resizing_is_compiled_for_one_size_of_all_images():
    size = tf.constant([4, 6])
    assert answer(lambda images: kernel_policy.compile_resizing(images, (4, 6)), [2, 6, 4, 3])
    assert not answer(lambda images: kernel_policy.compile_resizing(images, (4, 6)), [None, 6, 4, 3])
    assert not answer(lambda images: kernel_policy.compile_resizing(images, size), [2, 6, 4, 3])


def test_plain_operations_use_no_kernel_made_for_cpus(monkeypatch):
    monkeypatch.setattr(kernel_policy, "has_gpu", lambda: False)
    assert answer(kernel_policy.use_cpu_kernels, LARGE)
    with kernel_policy.plain_operations():
        assert not answer(kernel_policy.use_cpu_kernels, LARGE)
    assert answer(kernel_policy.use_cpu_kernels, LARGE)
