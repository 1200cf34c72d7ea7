import pytest
import tensorflow as tf

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation import conversion_failures
from eoinas_tf.evaluation.conversion_failures import named_conversion_errors
from eoinas_tf.kernels.tensorflow_internals import conversion_errors


def convert(function):
    traced = tf.function(function, input_signature=[tf.TensorSpec([None, 4], tf.float32)], autograph=False)
    return tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()], traced).convert()


def test_an_operation_that_is_missing_is_named_in_one_line():
    with pytest.raises(ConfigurationError) as refusal, named_conversion_errors("tflite", "--max_latency_ms=5"):
        convert(lambda values: tf.math.betainc(values, values, values))
    assert str(refusal.value) == (
        "--max_latency_ms=5: the network cannot be exported as tflite: TensorFlow Lite does not have Betainc; leave "
        "the flag out, or use cells whose operations TensorFlow Lite has"
    )


def test_another_reason_is_cut_to_one_line():
    (error,) = conversion_errors()
    with pytest.raises(ConfigurationError) as refusal, named_conversion_errors("tflite", "--measure"):
        raise error("first\nsecond " + 300 * "x")
    text = str(refusal.value)
    assert "exported as tflite: first second xxx" in text
    assert "\n" not in text
    assert len(text) < conversion_failures.LONGEST_REASON + 200


def test_another_error_and_success_pass():
    with named_conversion_errors("tflite", "--measure"):
        assert convert(tf.nn.relu)
    with pytest.raises(KeyError), named_conversion_errors("tflite", "--measure"):
        raise KeyError
