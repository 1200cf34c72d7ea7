"""The checks that every layer must pass, whatever it computes. No concrete layer is named here."""

import contextlib
import inspect
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

REGISTERED_PACKAGE = "eoinas_tf"
LOW_PRECISIONS = {"mixed_float16": ("float16", 0.1), "mixed_bfloat16": ("bfloat16", 0.5)}


def run_layer_check(
    make_layer,
    arguments,
    input_shape,
    expected_output_shape,
    expected_trainable_weights,
    expected_non_trainable_weights=0,
    *,
    has_input_gradient=True,
    precisions=tuple(LOW_PRECISIONS),
):
    """Checks a layer's contract with Keras.

    Args:
        make_layer: The layer's class, or a function that returns a new layer.
        arguments: Keyword arguments for it; each must be an attribute and an entry of the config.
        input_shape: Shape of the one input, with the batch.
        expected_output_shape: Shape of the output, with the batch.
        expected_trainable_weights: Number of trainable weights.
        expected_non_trainable_weights: Number of weights that are not trained.
        has_input_gradient: Whether the output depends on the input.
        precisions: The mixed precision policies to try.

    Returns:
        The built layer.
    """
    inputs = np.random.default_rng(1).normal(size=input_shape).astype("float32")
    layer = make_layer(**arguments)
    check_config(layer, arguments)
    check_build(type(layer).from_config(layer.get_config()), input_shape, expected_trainable_weights)
    check_symbolic_call(type(layer).from_config(layer.get_config()), input_shape, expected_output_shape)

    outputs = layer(inputs)
    assert tuple(outputs.shape) == tuple(expected_output_shape)
    assert tuple(layer.compute_output_shape(input_shape)) == tuple(expected_output_shape)
    assert np.all(np.isfinite(outputs))
    assert len(layer.trainable_weights) == expected_trainable_weights
    assert len(layer.non_trainable_weights) == expected_non_trainable_weights
    assert len({weight.path for weight in layer.weights}) == len(layer.weights), "two weights share a path"

    check_traced_call(layer, inputs, outputs)
    check_gradients(layer, inputs, has_input_gradient)
    for precision in precisions:
        check_mixed_precision(make_layer, arguments, inputs, precision, has_input_gradient)
    if layer.weights:
        check_saved_weights(layer, inputs)
    return layer


def check_config(layer, arguments):
    """The config is JSON, holds every argument, and makes an equal layer, also under the registered name."""
    config = layer.get_config()
    for name, value in arguments.items():
        assert config[name] == value, f"the config lacks {name}"
        assert getattr(layer, name) == value, f"no attribute {name}"
    assert type(layer).from_config(config).get_config() == config
    serialized = keras.saving.serialize_keras_object(layer)
    assert serialized["registered_name"] == f"{REGISTERED_PACKAGE}>{type(layer).__name__}"
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(serialized)))
    assert type(again) is type(layer)
    assert again.get_config() == config


def check_build(layer, input_shape, expected_trainable_weights):
    """`build` alone creates the weights, even for images of unknown size."""
    layer.build((None, None, None, *input_shape[3:]) if len(input_shape) == 4 else (None, *input_shape[1:]))
    assert layer.built
    assert len(layer.trainable_weights) == expected_trainable_weights


def check_symbolic_call(layer, input_shape, expected_output_shape):
    """A call with a KerasTensor gives the output's shape, with the batch left open."""
    outputs = layer(keras.KerasTensor((None, *input_shape[1:])))
    assert tuple(outputs.shape) == (None, *expected_output_shape[1:])
    assert outputs.dtype == "float32"


def check_traced_call(layer, inputs, expected):
    """In a tf.function, with an unknown batch size, the layer computes what it computes eagerly."""
    traced = tf.function(layer, input_signature=[tf.TensorSpec((None, *inputs.shape[1:]), tf.float32)])
    np.testing.assert_allclose(traced(inputs), expected, rtol=1e-4, atol=1e-5)


def check_gradients(layer, inputs, has_input_gradient):
    """Each trainable weight gets a finite gradient that is not all zero; so does the input, if the output uses it."""
    inputs = tf.convert_to_tensor(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.cast(_call(layer, inputs, training=True), tf.float32)
        # Random factors, because a normalized output's plain sum is constant.
        loss = tf.reduce_sum(outputs * np.random.default_rng(2).normal(size=outputs.shape))
    *gradients, input_gradient = tape.gradient(loss, [*(weight.value for weight in layer.trainable_weights), inputs])
    names = [weight.path for weight in layer.trainable_weights]
    if has_input_gradient:
        names, gradients = [*names, "input"], [*gradients, input_gradient]
    else:
        assert input_gradient is None or not np.any(input_gradient)
    for name, gradient in zip(names, gradients, strict=True):
        assert gradient is not None, f"no gradient for {name}"
        assert np.all(np.isfinite(gradient)), f"gradient of {name} is not finite"
        assert np.any(gradient), f"gradient of {name} is zero"


def check_mixed_precision(make_layer, arguments, inputs, precision, has_input_gradient):
    """Under a mixed policy weights stay float32, outputs have the low precision and about the same values."""
    exact = make_layer(**arguments)
    expected = exact(inputs)
    dtype, tolerance = LOW_PRECISIONS[precision]
    with _dtype_policy(precision):
        layer = make_layer(**arguments)
        layer.build(inputs.shape)
        layer.set_weights(exact.get_weights())
        outputs = layer(inputs)
        assert outputs.dtype == dtype
        assert all(weight.dtype == "float32" for weight in layer.weights)
        np.testing.assert_allclose(np.asarray(outputs, "float32"), expected, rtol=tolerance, atol=tolerance)
        check_gradients(layer, inputs, has_input_gradient)


def check_saved_weights(layer, inputs):
    """A new layer with the saved weights computes the same as the old one."""

    def model_of(one_layer):
        return keras.Sequential([keras.Input(inputs.shape[1:]), one_layer])

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.weights.h5"
        layer.set_weights([weight + np.float32(0.25) for weight in layer.get_weights()])
        model_of(layer).save_weights(path)
        again = type(layer).from_config(layer.get_config())
        model_of(again).load_weights(path)
    for old, new in zip(layer.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(_call(layer, inputs, training=False), _call(again, inputs, training=False))


def _call(layer, inputs, training):
    if "training" in inspect.signature(layer.call).parameters:
        return layer(inputs, training=training)
    return layer(inputs)


@contextlib.contextmanager
def _dtype_policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
