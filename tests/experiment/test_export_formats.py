import dataclasses
import importlib.util
import json
import typing

import numpy as np
import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError, StorageError
from eoinas_tf.experiment import export_formats
from eoinas_tf.experiment.export_folder import new_export
from eoinas_tf.experiment.export_formats import EXPORT_FORMATS, check_packages, export_classifier, measure_export


def is_installed(format_name):
    return all(importlib.util.find_spec(package) for package in EXPORT_FORMATS[format_name].packages)


@pytest.mark.parametrize("name", EXPORT_FORMATS)
def test_an_export_is_kept_when_another_process_says_the_same(tiny, tmp_path, name):
    if not is_installed(name):
        pytest.skip(f"the extra `{name}` is not installed")
    measurement = export_classifier(
        tiny.classifier, name, tmp_path / name, tiny.images, tiny.probabilities, tiny.test, 10
    )
    limits = {"tflite_float16": 1e-3, "tflite_int8": 0.02}
    assert measurement.difference < limits.get(name, 1e-6)
    assert measurement.test_accuracy == 1.0
    assert measurement.cost.size_bytes > 1000
    assert 0 < measurement.cost.latency_milliseconds < 10_000
    assert (tmp_path / name / EXPORT_FORMATS[name].file_name).exists()
    description = json.loads((tmp_path / name / "export.json").read_text())
    assert description["resize_side"] == 10
    assert description["class_names"] == list(tiny.class_names)
    sides = [None, None] if name == "saved_model" else [8, 6]
    assert description["image"] == {"dtype": "uint8", "shape": [None, *sides, 3]}
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_export_that_differs_is_refused_and_the_older_one_stays(tiny, tmp_path):
    with new_export(tmp_path / "tflite", {}) as folder:
        (folder / "model.tflite").write_text("the older one")
    wrong = tiny.probabilities + np.float32(2e-3)
    with pytest.raises(StorageError, match=r"differs from the network by 0\.002"):
        export_classifier(tiny.classifier, "tflite", tmp_path / "tflite", tiny.images, wrong, tiny.test)
    assert [path.name for path in tmp_path.iterdir()] == ["tflite"]
    assert (tmp_path / "tflite" / "model.tflite").read_text() == "the older one"


def test_the_setting_knows_the_formats():
    (field,) = (field for field in dataclasses.fields(EvaluationConfig) if field.name == "export_formats")
    assert field.metadata["choices"] == tuple(EXPORT_FORMATS)
    assert typing.get_origin(field.type) is tuple


def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch):
    check_packages(["saved_model", "tflite"])
    needing = dataclasses.replace(EXPORT_FORMATS["onnx"], packages=("numpy", "no_such_package"))
    monkeypatch.setitem(export_formats.EXPORT_FORMATS, "onnx", needing)
    with pytest.raises(ConfigurationError, match=r"--export_formats=onnx .*\(no_such_package\).*'\.\[onnx\]'"):
        check_packages(["saved_model", "onnx"])


@pytest.mark.parametrize("name", [name for name in EXPORT_FORMATS if name.startswith("tflite")])
def test_without_the_converter_its_formats_are_refused(monkeypatch, name):
    monkeypatch.setattr(export_formats, "has_converter", lambda: False)
    check_packages(["saved_model"])
    with pytest.raises(ConfigurationError, match=rf"^--export_formats={name} needs TensorFlow Lite's converter[^\n]*$"):
        check_packages(["saved_model", name])
    with pytest.raises(ConfigurationError, match=r"^--measure needs TensorFlow Lite's converter"):
        check_packages([name], "--measure")


def test_a_measured_export_is_written_and_timed_and_compared_with_nothing(tiny, tmp_path, monkeypatch):
    timed = []
    monkeypatch.setattr(export_formats, "time_export", lambda *arguments: timed.append(arguments) or "cost")
    folder = tmp_path / "new" / "tflite"
    assert measure_export(tiny.classifier, "tflite", folder, tiny.images, 3) == "cost"
    assert timed == [("tflite", folder, tiny.images, 3)]
    assert [path.name for path in folder.iterdir()] == ["model.tflite"]
