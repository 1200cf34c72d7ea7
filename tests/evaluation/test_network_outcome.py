import json

import numpy as np
import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.evaluation import network_outcome
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.evaluation.network_exports import NetworkExports
from eoinas_tf.evaluation.network_outcome import keep_outcome
from eoinas_tf.evaluation.peak_memory import peak_memory_bytes
from eoinas_tf.evaluation.predictions import Predictions
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.experiment.export_measurement import ExportCost, ExportMeasurement
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.space.genotype import Genotype

EDGES = (("sep_conv_3x3", 0), ("skip_connect", 1))
SHAPE = (8, 8, 1)
EXACT = ExportMeasurement(0.0, 0.75, 4, 0.75, ExportCost(1234, 2.5, 1))
QUANTIZED = ExportMeasurement(0.5, 0.5, 4, 0.75, ExportCost(567, 0.125, 2))
EXPORTS = NetworkExports({"saved_model": "saved_model"}, {"saved_model": EXACT}, ())


@pytest.fixture
def kept(tmp_path, monkeypatch):
    exported = []

    def export(network, config, dataset, preprocessing, path, predicted):
        exported.append((network, config.export_formats, path))
        assert predicted.tolist() == [0, 1, 0, 0]
        return EXPORTS

    monkeypatch.setattr(network_outcome, "export_network", export)
    images = np.zeros((4, *SHAPE), np.uint8)
    split = ImageSplit.from_pixels(images, np.array([0, 1, 1, 0]))
    dataset = ImageDataset("small", ("a", "b"), SHAPE, split, split)
    network = EvaluationNetwork(Genotype(EDGES, (2,), EDGES, (2,)), 2, cells=3, init_channels=2)
    network.build((None, *SHAPE))
    predictions = Predictions(
        split.labels,
        np.array([[0, 1], [1, 0], [0, 1], [0, 1]], np.int32),
        np.full(4, 0.75, np.float32),
        np.array([0.25, 0.25, 1.25, 0.25], np.float32),
        2,
    )
    config = EvaluationConfig(run_dir=str(tmp_path / "run"), dataset="digits", tensorboard=False)
    with RunDirectory(config) as run:
        run.genotype.write_text(network.genotype.to_json())
        preprocessing = Preprocessing(np.zeros(1, np.float32), np.ones(1, np.float32))
        outcome = keep_outcome(run, config, network, dataset, preprocessing, predictions, epoch=2)
        assert exported == [(network, ("saved_model",), run.path)]
        yield run, network, outcome


def test_the_figures_are_those_of_the_network_and_its_predictions(kept):
    run, network, outcome = kept
    parameters, auxiliary_parameters = count_parameters(network)
    assert outcome == {
        "dataset": "digits",
        "test_accuracy": 0.75,
        "test_top_5_accuracy": 1.0,
        "test_loss": 0.5,
        "parameters": parameters,
        "auxiliary_parameters": auxiliary_parameters,
        "multiply_adds": count_multiply_adds(network, SHAPE),
        "image_shape": [8, 8, 1],
        "mean": [0.0],
        "standard_deviation": [1.0],
        "keras_model": "model.keras",
        "genotype": "genotype.json",
        "saved_model": "saved_model",
    }
    assert json.loads(run.exports.read_text()) == {"saved_model": EXACT.figures()}
    assert run.class_accuracy.exists()
    assert run.keras_model.exists()
    assert (run.plots / "confusion_matrix.png").exists()


def test_a_budget_of_memory_puts_its_peak_into_the_summary(kept):
    _, network, _ = kept
    config = EvaluationConfig(max_peak_memory_mib=5.0)
    peak = peak_memory_bytes(ServedNetwork(network), SHAPE)
    assert network_outcome.of_memory_budget(network, config, SHAPE) == {"peak_memory_bytes": peak}


def test_what_a_quantized_export_lost_is_in_the_summary_and_its_clock_readings_apart(kept):
    run, _, _ = kept
    paths = {"saved_model": "saved_model", "tflite_int8": "tflite_int8/model.tflite"}
    exports = NetworkExports(paths, {"saved_model": EXACT, "tflite_int8": QUANTIZED}, ("it lost 25 points",))
    accuracies = {"saved_model": 0.75, "tflite_int8": 0.5}
    assert network_outcome.of_quantized_exports(exports) == {
        "export_test_accuracy": accuracies, "warnings": ["it lost 25 points"]
    }  # fmt: skip
    network_outcome.keep_measurements(run, exports)
    figures = json.loads(run.exports.read_text())
    assert figures["tflite_int8"]["size_bytes"] == 567
    assert figures["tflite_int8"]["latency_milliseconds"] == 0.125
