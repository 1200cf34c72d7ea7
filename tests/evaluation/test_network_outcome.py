import numpy as np
import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.evaluation import network_outcome
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.evaluation.network_outcome import keep_outcome
from eoinas_tf.evaluation.predictions import Predictions
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.space.genotype import Genotype

EDGES = (("sep_conv_3x3", 0), ("skip_connect", 1))
SHAPE = (8, 8, 1)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    exported = []

    def export(network, config, dataset, preprocessing, path):
        exported.append((network, config.export_formats, path))
        return {"saved_model": "saved_model"}

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
    assert run.class_accuracy.exists()
    assert run.keras_model.exists()
    assert (run.plots / "confusion_matrix.png").exists()
