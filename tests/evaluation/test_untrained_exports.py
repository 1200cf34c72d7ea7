import dataclasses
import random
import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_trained_run import shifted

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.evaluation.untrained_exports import described_formats, measure_untrained
from eoinas_tf.experiment import export_check, export_formats
from eoinas_tf.experiment.export_measurement import ExportCost
from eoinas_tf.experiment.exported_classifier import ExportedClassifier
from eoinas_tf.experiment.tflite_export import write_tflite
from eoinas_tf.space.genotype import Genotype

EDGES = (("sep_conv_3x3", 0), ("dil_conv_3x3", 1))
CELLS = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
SHAPE = (8, 8, 3)
CONFIG = EvaluationConfig(genotype="unused", cells=3, init_channels=4, latency_threads=2)


def test_what_is_described_is_tflite_and_what_is_asked_for_but_no_saved_model():
    assert described_formats(("saved_model",)) == ("tflite",)
    assert described_formats(("saved_model", "tflite_int8", "tflite", "onnx")) == ("tflite", "tflite_int8", "onnx")


@pytest.fixture
def written(monkeypatch, tmp_path):
    """The models that were timed, by format, and the threads; temporary files are in a folder of the test's own."""
    models = {}

    def time_export(format_name, folder, images, threads):
        models[format_name] = ((folder / "model.tflite").read_bytes(), threads)
        assert images.shape == (8, *SHAPE)
        return export_check.time_export(format_name, folder, images, threads)

    monkeypatch.setattr(export_formats, "time_export", time_export)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield models
    left = [path for path in (tmp_path / "temporary").iterdir() if "autograph_generated" not in path.name]
    assert left == []  # TensorFlow's own file, written by the first graph of a process, aside.


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_exported_model_is_timed_in_a_process_of_its_own(written, precision):
    config = dataclasses.replace(CONFIG, mixed_precision=precision)
    costs = measure_untrained(config, CELLS, SHAPE, 5, ("tflite",), "--measure")
    model, threads = written["tflite"]
    assert costs["tflite"].size_bytes == len(model)
    assert 0 < costs["tflite"].latency_milliseconds < 10_000
    assert costs["tflite"].latency_threads == threads == 2
    interpreter = tf.lite.Interpreter(model_content=model)
    assert [detail["shape_signature"].tolist() for detail in interpreter.get_input_details()] == [[-1, *SHAPE]]
    outputs = interpreter.get_signature_runner("serving_default")(image=np.zeros((1, *SHAPE), np.uint8))
    assert outputs["probabilities"].shape == (1, 5)


def test_the_model_has_all_operations_of_a_trained_one(written, tmp_path, exports_are_checked_in_this_process):
    """A converter leaves out what adds zeros or multiplies by ones."""
    measure_untrained(CONFIG, CELLS, SHAPE, 5, ("tflite",), "--measure")
    trained = ExportedClassifier(
        ServedNetwork(shifted(build_network(CONFIG, CELLS, SHAPE, 5))), SHAPE, "abcde",
        mean=np.full(3, 127.5), standard_deviation=np.full(3, 64.0), fit_images=tf.identity,
    )  # fmt: skip
    write_tflite(trained, tmp_path)
    models = written["tflite"][0], (tmp_path / "model.tflite").read_bytes()
    first, second = (len(tf.lite.Interpreter(model_content=model).get_tensor_details()) for model in models)
    assert first == second


def test_every_format_of_tensorflow_lite_is_measured(written, exports_are_checked_in_this_process):
    names = ("tflite", "tflite_float16", "tflite_int8")
    wide = EvaluationConfig(genotype="unused", cells=3, init_channels=32)
    costs = measure_untrained(wide, CELLS, SHAPE, 5, names, "--measure")
    assert {name: cost.size_bytes for name, cost in costs.items()} == {
        name: len(model) for name, (model, _) in written.items()
    }
    # By far the most of a wide network are its weights, of 4, 2 and 1 bytes.
    assert costs["tflite"].size_bytes > 1.5 * costs["tflite_float16"].size_bytes
    assert costs["tflite_float16"].size_bytes > costs["tflite_int8"].size_bytes


def next_layer_number():
    """Returns the number that Keras gives to the next dense layer of this thread, and takes it."""
    return int(f"{keras.layers.Dense(1).name}_0".split("_")[1])


def test_nothing_of_it_is_left_behind(monkeypatch):
    monkeypatch.setattr("eoinas_tf.evaluation.untrained_exports.measure_export", lambda *_: ExportCost(1, 2.0, 3))
    policy = keras.config.dtype_policy().name
    random.seed(5)
    before = next_layer_number()
    state = random.getstate()
    config = EvaluationConfig(genotype="unused", cells=3, init_channels=4, mixed_precision="bfloat16")
    assert measure_untrained(config, CELLS, SHAPE, 5, ("tflite",), "--measure") == {"tflite": ExportCost(1, 2.0, 3)}
    assert random.getstate() == state
    assert keras.config.dtype_policy().name == policy
    assert next_layer_number() == before + 1


def test_the_auxiliary_head_is_no_part_and_layers_compute_in_float32_as_in_every_export(monkeypatch):
    built = []

    def build(config, *arguments):
        built.append((config.auxiliary_weight, keras.config.dtype_policy().name))
        raise ConfigurationError("enough")

    monkeypatch.setattr("eoinas_tf.evaluation.untrained_exports.build_network", build)
    config = EvaluationConfig(genotype="unused", cells=3, mixed_precision="bfloat16")
    with pytest.raises(ConfigurationError, match="enough"):
        measure_untrained(config, CELLS, SHAPE, 5, ("tflite",), "--measure")
    assert built == [(0.0, "float32")]


def test_without_the_converter_it_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(export_formats, "has_converter", lambda: False)
    with pytest.raises(ConfigurationError, match=r"^--max_latency_ms=5 needs TensorFlow Lite's converter[^\n]*$"):
        measure_untrained(CONFIG, CELLS, SHAPE, 5, ("tflite",), "--max_latency_ms=5")


def test_a_network_that_cannot_be_converted_is_refused_in_one_line(monkeypatch):
    def betainc(served):
        return lambda images: tf.math.betainc(*[tf.abs(tf.reduce_mean(images, axis=[1, 2]))] * 3)

    monkeypatch.setattr("eoinas_tf.evaluation.untrained_exports.ServedNetwork", lambda *_, **__: betainc(None))
    with pytest.raises(ConfigurationError, match=r"^--measure: the network cannot be exported as tflite: .* Betainc;"):
        measure_untrained(CONFIG, CELLS, SHAPE, 3, ("tflite",), "--measure")
