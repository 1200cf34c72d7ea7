import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.experiment.tflite_export import has_converter, write_tflite, write_tflite_float16, write_tflite_int8


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


def interpreter_of(write, classifier, folder):
    write(classifier, folder)
    return tf.lite.Interpreter(str(folder / "model.tflite"))


def test_weights_of_float16_leave_the_answers(tiny, tmp_path):
    half = interpreter_of(write_tflite_float16, tiny.classifier, tmp_path)
    assert np.float16 in {detail["dtype"] for detail in half.get_tensor_details()}
    outputs = half.get_signature_runner("serving_default")(image=tiny.images)
    np.testing.assert_allclose(outputs["probabilities"], tiny.probabilities, atol=1e-3)


def test_nothing_of_the_converter_is_shown(tiny, tmp_path, capfd, recwarn):
    for name, write in {"float16": write_tflite_float16, "int8": write_tflite_int8}.items():
        (tmp_path / name).mkdir()
        capfd.readouterr()
        recwarn.clear()
        write(tiny.classifier, tmp_path / name)
        assert capfd.readouterr().err == ""
        assert [str(warning.message) for warning in recwarn if "lite" in str(warning.message)] == []


def test_a_model_of_integers_takes_grey_values_and_computes_in_integers(tiny, tmp_path):
    model = interpreter_of(write_tflite_int8, tiny.classifier, tmp_path)
    (details,) = model.get_input_details()
    assert details["dtype"] is np.uint8
    assert details["quantization"] == (1.0, 0)
    assert details["shape_signature"].tolist() == [-1, 8, 6, 3]
    # The probabilities, at the very end, and nothing else.
    names = [detail["name"] for detail in model.get_tensor_details() if detail["dtype"] is np.float32]
    assert names == [detail["name"] for detail in model.get_output_details() if detail["dtype"] is np.float32]
    # The convolution's weights have a scale for each of its four channels.
    scales = {
        tuple(detail["shape"]): len(detail["quantization_parameters"]["scales"])
        for detail in model.get_tensor_details()
        if detail["dtype"] is np.int8
    }
    assert scales[(4, 3, 3, 3)] == 4


@pytest.mark.parametrize("count", [1, 5])
def test_a_model_of_integers_says_nearly_the_same_of_any_batch(tiny, tmp_path, count):
    model = interpreter_of(write_tflite_int8, tiny.classifier, tmp_path)
    outputs = model.get_signature_runner("serving_default")(image=tiny.images[:count])
    np.testing.assert_allclose(outputs["probabilities"], tiny.probabilities[:count], atol=0.02)
    # Of eight bits: multiples of 1/256.
    assert np.array_equal(outputs["probabilities"] * 256, np.round(outputs["probabilities"] * 256))
    np.testing.assert_array_equal(outputs["label"], tiny.probabilities[:count].argmax(-1))


def test_grey_values_stand_for_themselves_whatever_the_calibration_images_are(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(tiny.classifier, "calibration_images", np.full((2, 8, 6, 3), 100, np.uint8))
    (details,) = interpreter_of(write_tflite_int8, tiny.classifier, tmp_path).get_input_details()
    assert details["quantization"] == (1.0, 0)


def test_without_calibration_images_there_is_no_model_of_integers(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(tiny.classifier, "calibration_images", None)
    with pytest.raises(ValueError, match="calibration images"):
        write_tflite_int8(tiny.classifier, tmp_path)


def test_whether_there_is_a_converter(monkeypatch):
    assert has_converter()
    monkeypatch.delattr(tf.lite, "TFLiteConverter")
    assert not has_converter()
    monkeypatch.setattr(tf, "lite", None)
    assert not has_converter()
