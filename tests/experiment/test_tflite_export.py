import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.experiment.tflite_export import write_tflite


@pytest.fixture(scope="module")
def interpreter(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tflite")
    write_tflite(tiny.classifier, folder)
    assert [path.name for path in folder.iterdir()] == ["model.tflite"]
    return tf.lite.Interpreter(str(folder / "model.tflite"))


def test_the_signature_takes_raw_images_of_the_networks_size(interpreter):
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["label", "probabilities"]}
    }
    (details,) = interpreter.get_input_details()
    assert details["dtype"] is np.uint8
    assert details["shape_signature"].tolist() == [-1, 8, 6, 3]


@pytest.mark.parametrize("count", [1, 5, 2])
def test_it_says_what_the_network_says_of_any_batch(interpreter, tiny, count):
    outputs = interpreter.get_signature_runner("serving_default")(image=tiny.images[:count])
    np.testing.assert_allclose(outputs["probabilities"], tiny.probabilities[:count], atol=1e-6)
    np.testing.assert_array_equal(outputs["label"], tiny.probabilities[:count].argmax(-1))


def test_the_weights_are_float32(interpreter):
    kinds = {detail["dtype"] for detail in interpreter.get_tensor_details()}
    assert np.float32 in kinds
    assert not kinds & {np.float16, np.int8}
