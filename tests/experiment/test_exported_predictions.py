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
    assert set(exported_predictions.READERS) == set(EXPORT_FORMATS)


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
    outputs = exported_predictions.tflite_outputs(tmp_path, tiny.images)
    np.testing.assert_allclose(outputs["probabilities"], tiny.probabilities, atol=1e-6)


def test_litert_is_preferred_where_it_is_installed(tiny, tmp_path, monkeypatch):
    class Interpreter:
        def __init__(self, path):
            self.path = path

        def get_signature_runner(self, name):
            return lambda image: {"probabilities": (self.path, name, image)}

    monkeypatch.setitem(sys.modules, "ai_edge_litert", type(sys)("ai_edge_litert"))
    module = type(sys)("ai_edge_litert.interpreter")
    module.Interpreter = Interpreter
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", module)
    outputs = exported_predictions.tflite_outputs(tmp_path, "images")
    assert outputs == {"probabilities": (str(tmp_path / "model.tflite"), "serving_default", "images")}
