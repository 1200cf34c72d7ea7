import numpy as np
import pytest

from eoinas_tf.experiment.export_measurement import (
    ExportCost,
    ExportMeasurement,
    accuracy_warning,
    cost_in_words,
    export_cost,
)


def measurement(accuracy, network_accuracy):
    return ExportMeasurement(0.1, accuracy, 1000, network_accuracy, ExportCost(5000, 1.5, 1))


@pytest.mark.parametrize("accuracy", [0.71, 0.70, 0.75])
def test_up_to_a_percentage_point_nothing_is_said(accuracy):
    assert accuracy_warning("tflite_int8", measurement(accuracy, 0.71)) is None


def test_a_warning_says_by_how_much_the_export_is_behind():
    warning = accuracy_warning("tflite_int8", measurement(0.695, 0.71))
    assert warning.startswith("the tflite_int8 export classifies 69.50 % of 1000 test images correctly, ")
    assert "1.50 percentage points less than the network (71.00 %)" in warning
    assert "\n" not in warning


def test_more_calibration_images_are_advised_only_where_they_are_used():
    lost = measurement(0.6, 0.71)
    assert "--calibration_images" in accuracy_warning("tflite_int8", lost, is_calibrated=True)
    assert accuracy_warning("tflite_float16", lost, is_calibrated=False).endswith("less than the network (71.00 %)")


def test_the_cost_is_the_size_of_all_but_the_description_and_the_median_time(tmp_path):
    for name, size in (("model.tflite", 100), ("variables/a", 20), ("export.json", 7)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    cost = export_cost({"milliseconds": np.array([3.0, 1.0, 2.00004])}, tmp_path, 4)
    assert cost == (120, 2.00004, 4)
    assert cost.figures() == {"size_bytes": 120, "latency_milliseconds": 2.0, "latency_threads": 4}


def test_a_cost_in_words():
    figures = {"size_bytes": 1_234_567, "latency_milliseconds": 0.12345, "latency_threads": 1}
    assert cost_in_words(figures) == "1.23 MB, 0.123 ms an image on 1 thread"
    assert cost_in_words({**figures, "latency_threads": 2}).endswith("on 2 threads")
