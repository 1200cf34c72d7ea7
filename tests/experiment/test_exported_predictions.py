import ast
import sys

import numpy as np
import pytest

from eoinas_tf.experiment import exported_predictions
from eoinas_tf.experiment.export_check import PROGRAM
from eoinas_tf.experiment.export_formats import EXPORT_FORMATS
from eoinas_tf.experiment.saved_model_export import write_saved_model
from eoinas_tf.experiment.tflite_export import write_tflite


def test_every_format_has_its_reader():
    assert set(exported_predictions.LOADERS) == set(EXPORT_FORMATS)


def test_the_program_imports_nothing_of_ours():
    tree = ast.parse(PROGRAM.read_text(encoding="utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert "numpy" in modules
    assert not [module for module in modules if module.startswith("eoinas")]


@pytest.mark.parametrize(("name", "write"), [("saved_model", write_saved_model), ("tflite", write_tflite)])
def test_probabilities_and_labels_are_written(tiny, tmp_path, name, write):
    (tmp_path / "export").mkdir()
    write(tiny.classifier, tmp_path / "export")
    np.save(tmp_path / "images.npy", tiny.images)
    exported_predictions.main(name, str(tmp_path / "export"), str(tmp_path / "images.npy"), str(tmp_path / "out.npz"))
    with np.load(tmp_path / "out.npz") as outputs:
        assert set(outputs) == {"probabilities", "label"}
        np.testing.assert_allclose(outputs["probabilities"], tiny.probabilities, atol=1e-6)
        np.testing.assert_array_equal(outputs["label"], tiny.probabilities.argmax(-1))


def test_tensorflows_interpreter_serves_where_litert_is_not_installed(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    write_tflite(tiny.classifier, tmp_path)
    outputs = exported_predictions.LOADERS["tflite"](tmp_path)(tiny.images)
    np.testing.assert_allclose(outputs["probabilities"], tiny.probabilities, atol=1e-6)


def test_litert_is_preferred_where_it_is_installed(tiny, tmp_path, monkeypatch):
    class Interpreter:
        def __init__(self, path, num_threads):
            self.path = path

        def get_signature_runner(self, name):
            return lambda image: {"probabilities": (self.path, name, image)}

    monkeypatch.setitem(sys.modules, "ai_edge_litert", type(sys)("ai_edge_litert"))
    module = type(sys)("ai_edge_litert.interpreter")
    module.Interpreter = Interpreter
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", module)
    outputs = exported_predictions.LOADERS["tflite"](tmp_path)("images")
    assert outputs == {"probabilities": (str(tmp_path / "model.tflite"), "serving_default", "images")}


def test_test_images_are_classified_in_batches_and_single_images_are_timed(monkeypatch, tmp_path):
    asked = []

    def load(folder, threads):
        def run(images):
            asked.append((len(images), threads))
            return {"probabilities": np.zeros((len(images), 2)), "label": images[:, 0, 0, 0] % 7, "other": 1}

        return run

    monkeypatch.setitem(exported_predictions.LOADERS, "onnx", load)
    images = np.arange(70, dtype=np.uint8).reshape(70, 1, 1, 1)
    outputs = exported_predictions.export_outputs("onnx", tmp_path, images[:5], images, threads=3)
    assert set(outputs) == {"probabilities", "label", "test_label", "milliseconds"}
    np.testing.assert_array_equal(outputs["test_label"], np.arange(70) % 7)
    assert asked[:4] == [(5, 3), (32, 3), (32, 3), (6, 3)]
    warm_up, most = exported_predictions.WARM_UP_RUNS, exported_predictions.MOST_RUNS
    assert asked[4:] == [(1, 3)] * (warm_up + most)
    assert outputs["milliseconds"].shape == (most,)


def test_a_slow_export_is_timed_less_often_and_without_its_first_runs(monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(exported_predictions.time, "perf_counter", lambda: next(clock))
    seen = []
    milliseconds = exported_predictions.single_image_milliseconds(seen.append, np.arange(2))
    assert milliseconds.tolist() == [1000.0] * exported_predictions.FEWEST_RUNS
    assert len(seen) == exported_predictions.WARM_UP_RUNS + exported_predictions.FEWEST_RUNS
    assert [image.tolist() for image in seen[:3]] == [[0], [1], [0]]
