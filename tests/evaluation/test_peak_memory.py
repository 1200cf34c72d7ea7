"""Peak memory against sums worked out by hand, in values of 4 bytes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.configured_network import build_network, network_size
from eoinas_tf.evaluation.peak_memory import peak_memory_bytes
from eoinas_tf.evaluation.residual_network import ResidualNetwork
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.experiment.exported_classifier import ExportedClassifier
from eoinas_tf.experiment.tflite_export import write_tflite
from eoinas_tf.kernels import kernel_policy
from eoinas_tf.optimization.precision import computing_in
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

# Of 8x8x4 = 256 values, as are all outputs of a convolution of stride 1 below.
IMAGE = (8, 8, 4)


def convolution(images, filters=4, stride=1):
    return tf.nn.conv2d(images, tf.zeros([3, 3, images.shape[-1], filters]), stride, "SAME")


def values(network, image_shape=IMAGE):
    return peak_memory_bytes(network, image_shape) / 4


def test_a_chain_holds_an_input_and_an_output_at_a_time():
    # 256 + 64, then 64 + 64, then 64 + 16.
    assert values(lambda images: convolution(tf.nn.relu(convolution(images, 1)), 1, 2)) == 256 + 64
    # 64 + 512, then 512 + 512 while the ReLU runs, then 512 + 64.
    wide = values(lambda images: convolution(tf.nn.relu(convolution(images, 8)), 1), (8, 8, 1))
    assert wide == 512 + 512


def test_the_input_of_a_block_lives_until_it_is_added():
    def block(images):
        return tf.nn.relu(convolution(tf.nn.relu(convolution(images)))) + images

    def chain(images):
        return tf.nn.relu(convolution(tf.nn.relu(convolution(images))))

    assert values(chain) == 2 * 256
    assert values(block) == 3 * 256


def test_a_tensor_dies_with_its_last_reader_and_not_with_the_first():
    def late(images):
        first = convolution(images, 2)  # 128, read again at the end.
        second = convolution(first)  # 256
        third = tf.nn.relu(second)  # 128 + 256 + 256
        return tf.concat([convolution(third, 1), first], -1)  # 128 + 64 + 192

    assert values(late, (8, 8, 1)) == 128 + 256 + 256


def test_another_form_of_a_tensor_is_no_other_tensor():
    def dense(images):
        flat = tf.identity(tf.reshape(tf.stop_gradient(images), [1, -1]))
        return tf.matmul(flat, tf.zeros([12, 5]))

    assert values(dense, (2, 2, 3)) == 12 + 5

    def in_another_type(images):
        return tf.matmul(tf.reshape(tf.cast(images, tf.bfloat16), [1, 12]), tf.zeros([12, 5], tf.bfloat16))

    assert values(in_another_type, (2, 2, 3)) == 12 + 5

    def read_late(images):
        flat = tf.reshape(images, [1, -1])
        other = tf.nn.relu(tf.nn.relu(images))  # 12 of the image, which its other form keeps, + 12 + 12.
        return tf.matmul(flat, tf.zeros([12, 5])) + tf.reduce_sum(other)

    assert values(read_late, (2, 2, 3)) == 3 * 12


def test_the_same_operation_on_the_same_tensor_runs_once():
    def two_edges(images):
        # 256 + 256 while the ReLU runs, then 256 + 64 and 256 + 64 + 64: the image is not needed any more.
        return convolution(tf.nn.relu(images), 1) + convolution(tf.nn.relu(images), 1)

    assert values(two_edges) == 2 * 256
    assert values(lambda images: tf.nn.relu(images) + tf.nn.relu6(images)) == 3 * 256
    # Two ReLUs that follow each other, two poolings that differ, and two weights.
    assert values(lambda images: tf.nn.relu(tf.nn.relu(images)) + images) == 3 * 256

    def poolings(images):
        return [tf.nn.max_pool2d(images, size, 1, "SAME") for size in (2, 3)]

    assert values(poolings) == 3 * 256
    assert values(lambda images: [convolution(images), convolution(images)]) == 3 * 256


def test_a_dilated_convolution_is_one_operation():
    def dilated(images):
        return tf.nn.depthwise_conv2d(images, tf.zeros([3, 3, 4, 1]), [1, 1, 1, 1], "SAME", dilations=[2, 2])

    types = {
        operation.type
        for operation in tf.function(dilated).get_concrete_function(tf.TensorSpec([1, *IMAGE])).graph.get_operations()
    }
    assert {"SpaceToBatchND", "BatchToSpaceND"} <= types
    assert values(dilated) == 256 + 256
    assert values(lambda images: tf.nn.relu(dilated(images))) == 256 + 256
    # TensorFlow pads the odd sides to even ones in between.
    assert values(dilated, (9, 7, 4)) == 2 * 9 * 7 * 4


def test_weights_integers_and_what_follows_from_them_do_not_count():
    weights = tf.Variable(tf.zeros([12, 1000]))

    def dense(images):
        logits = tf.matmul(tf.reshape(images, [1, 12]), tf.nn.relu(weights)[:, :2])
        return logits, tf.argmax(logits, -1)

    assert values(dense, (2, 2, 3)) == 12 + 2


def test_a_residual_network_takes_most_where_its_image_is_padded():
    network = ResidualNetwork(2, blocks_count=3, init_channels=2)
    network.build((None, 8, 8, 3))
    # The image and itself padded to 10x10. In the first block 128 + 200 + 128: its input, itself padded, a convolution.
    assert values(ServedNetwork(network), (8, 8, 3)) == 192 + 300


def settings(**changes):
    return EvaluationConfig(**{"genotype": "AmoebaNet_A", "cells": 3, "init_channels": 4, **changes})


def peak(config, image_shape=(12, 9, 3)):
    genotype = PUBLISHED_GENOTYPES["AmoebaNet_A"]
    return network_size(config, genotype, image_shape, 5, with_peak_memory=True).peak_memory_bytes


def test_it_is_that_of_the_built_network_and_grows_with_the_width():
    network = build_network(settings(), PUBLISHED_GENOTYPES["AmoebaNet_A"], (12, 9, 3), 5)
    assert peak(settings()) == peak_memory_bytes(ServedNetwork(network), (12, 9, 3))
    assert peak(settings(auxiliary_weight=0.0)) == peak(settings())
    peaks = [peak(settings(init_channels=channels)) for channels in range(1, 6)]
    assert peaks == sorted(set(peaks))


@pytest.mark.parametrize("threshold", [0, 10**9])
def test_it_does_not_depend_on_what_is_fast_on_this_machine(monkeypatch, threshold):
    expected = peak(settings())
    for name in ("", "_CONVOLUTION"):
        monkeypatch.setattr(kernel_policy, f"MIN_ELEMENTS_TO_COMPILE{name}", threshold)
    monkeypatch.setattr(kernel_policy, "MIN_ELEMENTS_FOR_ONEDNN_POOLING", threshold)
    assert peak(settings()) == expected


def test_it_is_that_of_float32_whatever_layers_compute_in():
    def peak_in(precision):
        with computing_in(precision):
            network = build_network(settings(), PUBLISHED_GENOTYPES["AmoebaNet_A"], (12, 9, 3), 5)
        return peak_memory_bytes(ServedNetwork(network), (12, 9, 3))

    assert peak_in("bfloat16") == peak_in("float32")


def test_a_shape_that_only_a_run_knows_is_one_line():
    with pytest.raises(ConfigurationError, match=r"^the peak memory of the network cannot be computed, [^\n]*$"):
        peak_memory_bytes(lambda images: tf.boolean_mask(images, images > 0), IMAGE)


def test_a_keras_model_is_counted_too():
    model = keras.Sequential([keras.Input(IMAGE), keras.layers.Flatten(), keras.layers.Dense(3)])
    assert values(lambda images: model(images, training=False)) == 256 + 3


def live_bytes(model):
    """Returns the largest sum of the tensors of a TensorFlow Lite model that exist at the same time."""
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(model_content=model, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    sizes = {
        detail["index"]: int(np.prod(detail["shape"])) * np.dtype(detail["dtype"]).itemsize
        for detail in interpreter.get_tensor_details()
    }
    # No public function lists a model's operations.
    operations = [(list(part["inputs"]), list(part["outputs"])) for part in interpreter._get_ops_details()]
    (image,) = (detail["index"] for detail in interpreter.get_input_details())
    first = {image: 0, **{index: place for place, (_, outputs) in enumerate(operations) for index in outputs}}
    last = first | {index: place for place, (inputs, _) in enumerate(operations) for index in inputs if index in first}
    return max(
        sum(sizes[index] for index in first if first[index] <= place <= last[index]) for place in range(len(operations))
    )


@pytest.mark.parametrize("name", ["DARTS_V2", "AmoebaNet_A"])
def test_it_is_near_that_of_the_exported_model(name, tmp_path):
    """Whose converter shares and merges more operations, and whose image is uint8 first."""
    network = build_network(settings(init_channels=8), PUBLISHED_GENOTYPES[name], (16, 16, 3), 5)
    classifier = ExportedClassifier(
        ServedNetwork(network), (16, 16, 3), "abcde",
        mean=np.full(3, 127.5), standard_deviation=np.full(3, 64.0), fit_images=tf.identity,
    )  # fmt: skip
    write_tflite(classifier, tmp_path)
    expected = live_bytes((tmp_path / "model.tflite").read_bytes())
    assert expected <= peak_memory_bytes(ServedNetwork(network), (16, 16, 3)) <= 1.1 * expected
