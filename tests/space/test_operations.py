import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import numpy_references
import pytest
from layer_checks import run_layer_check

from eoinas_tf.space import operations
from eoinas_tf.space.operation_names import FINAL_NETWORK_OPERATION_NAMES, OPERATION_NAMES
from eoinas_tf.space.operations import OPERATIONS, build_operation

CHANNELS = 4
SIDES = [(6, 6), (7, 7), (6, 5)]


@dataclasses.dataclass(frozen=True)
class OperationCase:
    """The expected properties of an operation.

    Args:
        kernels: Kernels at stride 1 and at stride 2.
        parameters: Parameters at stride 1 and 2 without normalization's, for C = 4 channels.
        compute: (layer, images, stride) -> the layer's result in training.
        normalizations: Normalizations with scale and offset of a final network, at stride 1 and 2.
        uses_input: Whether the output depends on the input.
    """

    kernels: tuple[int, int]
    parameters: tuple[int, int]
    compute: Callable
    normalizations: tuple[int, int]
    uses_input: bool = True


def zeros(layer, images, stride):
    return numpy_references.at_every_centre(images, stride, lambda *centre: 0.0)


def identity(layer, images, stride):
    return images if stride == 1 else numpy_references.factorized_reduction(layer.reduction, images)


def separable_convolution(layer, images, stride):
    first = numpy_references.depthwise_separable_unit(layer.first_unit, images, stride, dilation=1)
    return numpy_references.depthwise_separable_unit(layer.second_unit, first, stride=1, dilation=1)


def dilated_convolution(layer, images, stride):
    return numpy_references.depthwise_separable_unit(layer.unit, images, stride, dilation=2)


def row_column_convolution(layer, images, stride):
    kernels = (np.asarray(layer.row_convolution.kernel), np.asarray(layer.column_convolution.kernel))
    outputs = numpy_references.row_column_convolution(numpy_references.relu(images), *kernels, stride)
    return numpy_references.normalize(layer.normalization, outputs)


def pooling_followed_by_normalization(pooling):
    """Only in the super network; a final network's pooling has none."""

    def compute(layer, images, stride):
        outputs = pooling(images, 3, stride)
        return outputs if layer.affine else numpy_references.standardize(outputs)

    return compute


CASES = {
    "none": OperationCase((0, 0), (0, 0), zeros, (0, 0), uses_input=False),
    "skip_connect": OperationCase((0, 2), (0, 16), identity, (0, 1)),
    "sep_conv_3x3": OperationCase((4, 4), (104, 104), separable_convolution, (2, 2)),
    "dil_conv_3x3": OperationCase((2, 2), (52, 52), dilated_convolution, (1, 1)),
    "sep_conv_5x5": OperationCase((4, 4), (232, 232), separable_convolution, (2, 2)),
    "dil_conv_5x5": OperationCase((2, 2), (116, 116), dilated_convolution, (1, 1)),
    "avg_pool_3x3": OperationCase(
        (0, 0), (0, 0), pooling_followed_by_normalization(numpy_references.average_pooling), (0, 0)
    ),
    "max_pool_3x3": OperationCase(
        (0, 0), (0, 0), pooling_followed_by_normalization(numpy_references.maximum_pooling), (0, 0)
    ),
    "sep_conv_7x7": OperationCase((4, 4), (424, 424), separable_convolution, (2, 2)),
    "conv_7x1_1x7": OperationCase((2, 2), (224, 224), row_column_convolution, (1, 1)),
}


def operations_without_case():
    return sorted(set(operations.OPERATIONS) - set(CASES))


def test_every_registered_operation_has_a_case():
    assert operations_without_case() == []
    assert set(CASES) <= set(OPERATIONS)


def test_an_operation_without_case_is_noticed(monkeypatch):
    monkeypatch.setitem(operations.OPERATIONS, "conv_3x3", OPERATIONS["none"])
    assert operations_without_case() == ["conv_3x3"]


def test_registry_begins_with_the_search_space_in_the_order_of_the_architecture_parameters():
    assert tuple(OPERATIONS)[:8] == OPERATION_NAMES
    assert tuple(OPERATIONS)[8:] == FINAL_NETWORK_OPERATION_NAMES


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", CASES)
class TestEveryOperation:
    def test_layer_contract(self, name, stride, affine):
        case = CASES[name]
        normalizations = case.normalizations[stride - 1] if affine else 0
        layer = run_layer_check(
            OPERATIONS[name],
            {"channels": CHANNELS, "stride": stride, "affine": affine},
            input_shape=(2, 7, 6, CHANNELS),
            expected_output_shape=(2, 7, 6, CHANNELS) if stride == 1 else (2, 4, 3, CHANNELS),
            expected_trainable_weights=case.kernels[stride - 1] + 2 * normalizations,
            expected_non_trainable_weights=2 * normalizations,
            has_input_gradient=case.uses_input,
        )
        assert layer.count_params() == case.parameters[stride - 1] + 4 * CHANNELS * normalizations

    @pytest.mark.parametrize(("height", "width"), SIDES)
    def test_values(self, name, stride, affine, height, width, generator):
        layer = build_operation(name, CHANNELS, stride, affine)
        layer.build((None, height, width, CHANNELS))
        # With random scales and offsets, which otherwise start as ones and zeros.
        layer.set_weights([generator.normal(size=weight.shape) for weight in layer.get_weights()])
        images = generator.normal(size=(2, height, width, CHANNELS)).astype("float32")
        expected = CASES[name].compute(layer, images, stride)
        outputs = layer(images, training=True)
        assert tuple(outputs.shape) == tuple(layer.compute_output_shape(images.shape)) == expected.shape
        np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_without_affine_training_makes_no_difference(name, generator):
    """The super network always uses the batch's statistics."""
    layer = build_operation(name, CHANNELS, 2, affine=False)
    images = generator.normal(size=(2, 6, 6, CHANNELS)).astype("float32")
    np.testing.assert_array_equal(layer(images, training=True), layer(images, training=False))


def test_maximum_pooling_in_a_final_network_keeps_negative_borders(generator):
    images = -1.0 - np.abs(generator.normal(size=(2, 7, 6, CHANNELS)).astype("float32"))
    for stride in (1, 2):
        assert np.max(build_operation("max_pool_3x3", CHANNELS, stride, affine=True)(images)) <= -1.0


@pytest.mark.parametrize("name", CASES)
def test_build_operation_passes_the_layer_name_on(name):
    assert build_operation(name, 2, 1, True, name="operation_0").name == "operation_0"


def test_two_layers_of_one_kind_start_from_different_weights():
    layers = [build_operation("sep_conv_3x3", CHANNELS, 1, True) for _ in range(2)]
    for layer in layers:
        layer.build((None, 6, 6, CHANNELS))
    kernels = [layer.first_unit.depthwise.kernel.numpy() for layer in layers]
    kernels += [layer.second_unit.depthwise.kernel.numpy() for layer in layers]
    for index, kernel in enumerate(kernels):
        for other in kernels[:index]:
            assert not np.array_equal(kernel, other)


def test_unknown_operation_is_refused():
    with pytest.raises(ValueError, match=r"operation must be one of none, skip_connect, .*Received: conv_1x1"):
        build_operation("conv_1x1", 4, 1, True)


@pytest.mark.parametrize("stride", [0, 3, -1])
@pytest.mark.parametrize("name", CASES)
def test_other_strides_are_refused(name, stride):
    with pytest.raises(ValueError, match=f"stride must be 1 or 2. Received: {stride}"):
        build_operation(name, 4, stride, True)


def test_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match=r"kind must be one of average, maximum. Received: median"):
        operations.Pooling(4, kind="median")


def test_a_row_column_convolution_has_a_middle():
    with pytest.raises(ValueError, match=r"kernel_size must be odd. Received: 4"):
        operations.RowColumnConvolution(4, kernel_size=4)


@pytest.mark.parametrize("sides", [(6, 6), (7, 5)])
def test_the_shapes_of_a_row_column_convolution_are_those_of_its_convolutions(sides, generator):
    layer = build_operation("conv_7x1_1x7", CHANNELS, 2, True)
    shapes = dict(layer.layer_shapes((2, *sides, CHANNELS)))
    met = []
    for convolution in shapes:
        convolution.call = recording(convolution.call, met)
    layer(generator.normal(size=(2, *sides, CHANNELS)).astype("float32"))
    assert met == list(shapes.values())


def recording(call, met):
    def recorded(inputs):
        met.append(tuple(inputs.shape))
        return call(inputs)

    return recorded


def test_operations_work_in_a_keras_model():
    inputs = keras.Input((7, 6, CHANNELS))
    outputs = [build_operation(name, CHANNELS, 2, True)(inputs) for name in CASES]
    model = keras.Model(inputs, keras.layers.Add()(outputs))
    assert model(np.ones((3, 7, 6, CHANNELS), "float32")).shape == (3, 4, 3, CHANNELS)
