import os
from functools import partial

import numpy as np
import pytest
from pytorch_record import STEMS, read_pytorch_record
from scipy.signal import correlate2d

from eoinas_tf.errors import WeightsError
from eoinas_tf.evaluation import pytorch_weights
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.pytorch_weights import load_pytorch_weights, pytorch_tensors
from eoinas_tf.evaluation.weight_files import StoredTensor, opened_weights
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import FINAL_NETWORK_OPERATION_NAMES, NONE, OPERATION_NAMES

LARGEST_DIFFERENCE = 1e-4
RECORDED_OPERATIONS = {
    "skip_connect",
    "sep_conv_3x3",
    "dil_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_5x5",
    "avg_pool_3x3",
    "max_pool_3x3",
}
SETTINGS = {"num_classes": 3, "cells": 3, "init_channels": 2}


def tiny(*operations, **changes):
    """A small network whose cells have one node that adds two operations."""
    edges = tuple(zip(operations or ("dil_conv_3x3", "skip_connect"), (0, 1), strict=True))
    genotype = Genotype(normal=edges, normal_concat=(2,), reduce=edges, reduce_concat=(2,))
    network = EvaluationNetwork(genotype, **{**SETTINGS, **changes})
    network.build((None, 8, 8, 3))
    return network


def weights_for(network, generator):
    """A state_dict that fits the network, with values that all differ."""
    return {tensor.name: generator.random(tensor.shape) for tensor in pytorch_tensors(network)}


def stored(state_dict):
    return {name: StoredTensor(values.shape, lambda values=values: values) for name, values in state_dict.items()}


def variables(network):
    return {variable.path.partition("/")[2]: variable.numpy() for variable in network.variables}


@pytest.mark.parametrize("stem", STEMS)
def test_names_and_logits_are_those_of_the_pytorch_network(stem):
    record = read_pytorch_record(stem)
    network = EvaluationNetwork(record.genotype, **record.settings)
    network.build((None, *record.images.shape[1:]))
    assert {operation for operation, _ in record.genotype.normal} == RECORDED_OPERATIONS
    expected = {
        name: values.shape for name, values in record.state_dict.items() if not name.endswith("num_batches_tracked")
    }
    tensors = list(pytorch_tensors(network))
    assert {tensor.name: tensor.shape for tensor in tensors} == expected
    assert len(tensors) == len(expected)

    load_pytorch_weights(network, stored(record.state_dict))
    logits, auxiliary_logits = logits_of_a_test(network, record.inputs)
    training_logits, training_auxiliary_logits = network(record.inputs, training=True)
    received = {
        "logits": logits,
        "auxiliary_logits": auxiliary_logits,
        "training_logits": training_logits,
        "training_auxiliary_logits": training_auxiliary_logits,
    }
    assert received.keys() == record.answers.keys()
    for name, answer in record.answers.items():
        np.testing.assert_allclose(received[name], answer, rtol=0, atol=LARGEST_DIFFERENCE, err_msg=name)
        assert np.std(answer) > 1000 * LARGEST_DIFFERENCE


def logits_of_a_test(network, inputs):
    """Returns the network's and the auxiliary head's logits; the network itself runs its head only in training."""
    outputs = []
    cell = network.cells[network.auxiliary_position]
    call = cell.call

    def recorded(*arguments, **options):
        outputs.append(call(*arguments, **options))
        return outputs[-1]

    cell.call = recorded
    logits = network(inputs)
    cell.call = call
    return logits, network.auxiliary_head(outputs[0], training=False)


@pytest.mark.parametrize("operation", sorted({*OPERATION_NAMES, *FINAL_NETWORK_OPERATION_NAMES} - {NONE}))
def test_every_operation_s_weights_have_names(generator, operation):
    network = tiny(operation, "skip_connect")
    weights = weights_for(network, generator)
    load_pytorch_weights(network, stored(weights))
    for tensor in pytorch_tensors(network):
        np.testing.assert_allclose(tensor.variable, weights[tensor.name].transpose(tensor.axes), rtol=1e-6)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_row_and_a_column_convolution_do_what_pytorch_s_do(generator, stride):
    """DARTS: ReLU, Conv2d(C, C, (1, 7), stride=(1, s)), Conv2d(C, C, (7, 1), stride=(s, 1)), BatchNorm2d, by number."""
    network = tiny("conv_7x1_1x7", "skip_connect")
    position = next(number for number, cell in enumerate(network.cells) if cell.operations[0].stride == stride)
    operation = network.cells[position].operations[0]
    weights = {name: 2 * values - 1 for name, values in weights_for(network, generator).items()}
    weights |= {name: values + 1.5 for name, values in weights.items() if name.endswith("running_var")}
    load_pytorch_weights(network, stored(weights))
    prefix = f"cells.{position}._ops.0."
    own = {name.removeprefix(prefix): values for name, values in weights.items() if name.startswith(prefix)}
    channels = operation.channels
    assert own["1.weight"].shape == (channels, channels, 1, 7)
    assert own["2.weight"].shape == (channels, channels, 7, 1)

    def convolve(images, kernel, strides):  # [channels, height, width], [output, input, rows, columns]
        results = [sum(map(partial(correlate2d, mode="same"), images, taps)) for taps in kernel]
        return np.stack(results)[:, :: strides[0], :: strides[1]]

    images = generator.normal(size=(channels, 7, 9))
    rows = convolve(np.maximum(images, 0), own["1.weight"], (1, stride))
    columns = convolve(rows, own["2.weight"], (stride, 1))
    mean, variance, scale, offset = (
        own[f"3.{name}"][:, None, None] for name in ("running_mean", "running_var", "weight", "bias")
    )
    expected = (columns - mean) / np.sqrt(variance + 1e-5) * scale + offset
    received = operation(images.transpose(1, 2, 0)[None].astype(np.float32), training=False)[0]
    np.testing.assert_allclose(np.transpose(received, [2, 0, 1]), expected, rtol=1e-4, atol=1e-4)


def test_names_of_a_network_trained_on_several_devices(generator):
    network = tiny()
    weights = weights_for(network, generator)
    load_pytorch_weights(network, stored({f"module.{name}": values for name, values in weights.items()}))
    np.testing.assert_allclose(network.classifier.bias, weights["classifier.bias"], rtol=1e-6)
    with pytest.raises(WeightsError, match="has no place"):
        load_pytorch_weights(network, stored({**weights, "module.stem.0.weight": np.zeros(1)}))


@pytest.mark.parametrize("stem", STEMS)
def test_a_network_without_auxiliary_head_takes_the_rest(generator, stem):
    network, without_head = tiny(stem=stem), tiny(stem=stem, auxiliary=False)
    weights = weights_for(network, generator)
    load_pytorch_weights(network, stored(weights))
    # Including a normalization in the head, which P-DARTS has with both stems and DARTS with one.
    weights["auxiliary_head.features.6.weight"] = np.zeros(768)
    load_pytorch_weights(without_head, stored(weights))
    expected, received = variables(network), variables(without_head)
    assert expected.keys() - received.keys() == {name for name in expected if name.startswith("auxiliary_head/")}
    for name, value in received.items():
        np.testing.assert_array_equal(value, expected[name])


def test_a_variable_without_a_name_is_noticed(monkeypatch):
    network = tiny()
    monkeypatch.setattr(pytorch_weights, "DilatedConvolution", StoredTensor)
    with pytest.raises(ValueError, match="without a name"):
        list(pytorch_tensors(network))


def test_a_network_of_another_kind_is_refused_with_the_first_difference(generator):
    weights = stored(weights_for(tiny(), generator))
    for network, message in [
        (
            tiny(init_channels=4),
            "stem.0.weight must have shape (12, 3, 3, 3). Received: (6, 3, 3, 3); --genotype, --cells",
        ),
        (tiny(num_classes=100), "auxiliary_head.classifier.weight must have shape (100, 768). Received: (3, 768)"),
        (tiny(num_classes=9, auxiliary=False), "classifier.weight must have shape (9, 8). Received: (3, 8)"),
        (tiny(cells=6), "cells.1.preprocess0.op.1.weight must have shape (2, 6, 1, 1). Received: (4, 6, 1, 1)"),
        (tiny(stem="imagenet"), "holds no stem0.0.weight, which must have shape (1, 3, 3, 3)"),
        (
            tiny("sep_conv_3x3", "skip_connect"),
            "holds no cells.0._ops.0.op.5.weight, which must have shape (2, 1, 3, 3)",
        ),
        (
            tiny("dil_conv_5x5", "skip_connect"),
            "cells.0._ops.0.op.1.weight must have shape (2, 1, 5, 5). Received: (2, 1, 3, 3)",
        ),
        (
            tiny("avg_pool_3x3", "skip_connect"),
            "cells.0._ops.0.op.1.weight, shape (2, 1, 3, 3), has no place in the network",
        ),
    ]:
        assert refusal(network, weights).startswith(message)


def refusal(network, tensors):
    """Returns the message with which weights are refused, after checking that nothing was changed."""
    before = variables(network)
    with pytest.raises(WeightsError) as refused:
        load_pytorch_weights(network, tensors)
    for name, value in variables(network).items():
        np.testing.assert_array_equal(value, before[name])
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


def test_the_first_tensor_that_is_wrong_is_named(generator):
    network = tiny()
    weights = weights_for(network, generator)

    def unreadable():
        raise WeightsError("its bytes are damaged")

    for name, tensor, message in [
        ("cells.2.preprocess0.bn.running_var", None, "holds no cells.2.preprocess0.bn.running_var, which must have"),
        ("stem.2\n.w", np.ones(()), r"stem.2\n.w, shape (), has no place"),
        ("classifier.bias", np.array([1, np.nan, 1]), "classifier.bias holds values that are NaN or infinite"),
        ("classifier.bias", np.array([1, 1e300, 1]), "classifier.bias holds values that are NaN or infinite"),
        ("stem.1.running_var", np.full(6, -0.1), "stem.1.running_var holds negative variances"),
        ("stem.1.bias", StoredTensor((6,), unreadable), "stem.1.bias: its bytes are damaged"),
    ]:
        tensors = stored(weights)
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor if isinstance(tensor, StoredTensor) else stored({name: tensor})[name]
        assert refusal(network, tensors).startswith(message)
    assert refusal(network, {}).startswith("holds no stem.0.weight")


def test_a_file_with_more_than_the_network_s_tensors_is_refused_in_one_line(generator, tmp_path):
    """Names as in an archive that would be unpacked elsewhere; a name and a shape as long as they can be."""
    network = tiny(auxiliary=False)
    weights = weights_for(network, generator)
    for name, value, message in [
        ("../../outside", np.zeros(1), "../../outside, shape (1,), has no place in the network"),
        ("/etc/outside", np.zeros(1), "/etc/outside, shape (1,), has no place"),
        ("\n" * 9999, np.zeros([0] * 8), r"..., shape (0, 0, 0, 0, 0, 0, 0, 0), has no place"),
        ("classifier.bias", np.zeros([0] * 8), "classifier.bias must have shape (3,). Received: (0, 0, 0, 0, 0"),
    ]:
        np.savez(tmp_path / "weights.npz", **{**weights, name: value})
        with opened_weights(str(tmp_path / "weights.npz")) as tensors:
            received = refusal(network, tensors)
        assert message in received
        assert received.isprintable()
        assert len(received) < 500
    assert os.listdir(tmp_path) == ["weights.npz"]


def test_only_what_is_needed_is_read(generator):
    network = tiny(auxiliary=False)
    tensors = stored(weights_for(network, generator))

    def unneeded():
        raise AssertionError("read without need, or before its shape was compared")

    for name in ("stem.1.num_batches_tracked", "auxiliary_head.features.2.weight"):
        tensors[name] = StoredTensor((), unneeded)
    load_pytorch_weights(network, tensors)
    tensors["stem.0.weight"] = StoredTensor((10**15,), unneeded)
    assert "Received: (1000000000000000,)" in refusal(network, tensors)
