import io
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
from eoinas_tf.evaluation.network_outcome import keep_outcome, say_outcome
from eoinas_tf.evaluation.predictions import Predictions
from eoinas_tf.experiment.export_measurement import ExportMeasurement
from eoinas_tf.experiment.progress import Progress
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.space.genotype import Genotype

EDGES = (("sep_conv_3x3", 0), ("skip_connect", 1))
SHAPE = (8, 8, 1)
EXACT = ExportMeasurement(0.0, 0.75, 4, 0.75, 1234, 2.5, 1)
QUANTIZED = ExportMeasurement(0.5, 0.5, 4, 0.75, 567, 0.125, 2)
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


def test_a_user_is_told_the_result_and_where_everything_is(kept):
    run, network, outcome = kept
    stream = io.StringIO()
    say_outcome(Progress(0, stream), run, outcome)
    result, export, keras_model, places = stream.getvalue().splitlines()
    assert result.startswith("test accuracy 75.00 % (top 5: 100.00 %), ")
    assert f"{count_parameters(network)[0]} parameters" in result
    figures = "75.00 % of 4 test images, 1234 bytes, 2.5 ms an image on 1 thread"
    assert export == f"saved_model export {run.path / 'saved_model'}: {figures}"
    assert str(run.keras_model) in keras_model
    assert all(str(path) in places for path in (run.summary, run.class_accuracy, run.plots))


def test_what_a_quantized_export_lost_is_said_on_the_console_and_in_the_summary(kept, monkeypatch):
    run, _, outcome = kept
    paths = {"saved_model": "saved_model", "tflite_int8": "tflite_int8/model.tflite"}
    exports = NetworkExports(paths, {"saved_model": EXACT, "tflite_int8": QUANTIZED}, ("it lost 25 points",))
    added = network_outcome.of_quantized_exports(exports)
    accuracies = {"saved_model": 0.75, "tflite_int8": 0.5}
    assert added == {"export_test_accuracy": accuracies, "warnings": ["it lost 25 points"]}
    network_outcome.keep_measurements(run, exports)
    stream = io.StringIO()
    say_outcome(Progress(0, stream), run, {**outcome, **paths, **added})
    lines = stream.getvalue().splitlines()
    assert lines[2].endswith(
        "tflite_int8/model.tflite: 50.00 % of 4 test images, 567 bytes, 0.125 ms an image on 2 threads"
    )
    assert lines[3] == "warning: it lost 25 points"
