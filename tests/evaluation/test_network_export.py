import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data.augmentation import normalize
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.errors import StorageError
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.network_export import IMAGES_COMPARED, export_network
from eoinas_tf.experiment import saved_model_export
from eoinas_tf.space.genotype import Genotype

EDGES = (("max_pool_3x3", 0), ("skip_connect", 1))
MEAN = np.array([100.0, 120.0, 90.0], np.float32)
STANDARD_DEVIATION = np.array([50.0, 60.0, 70.0], np.float32)


@pytest.fixture
def network():
    genotype = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
    network = EvaluationNetwork(genotype, num_classes=2, cells=3, init_channels=2)
    network.build((None, 8, 8, 3))
    return network


def dataset_of(images):
    split = ImageSplit.from_pixels(images, np.zeros(len(images)))
    return ImageDataset("some", ("dark", "bright"), images.shape[1:], split, split)


@pytest.mark.parametrize("count", [1, IMAGES_COMPARED + 1])
def test_raw_images_in_and_the_networks_probabilities_out(tmp_path, network, generator, count):
    images = generator.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8)
    export_network(network, dataset_of(images), Preprocessing(MEAN, STANDARD_DEVIATION, 1, True, 2), tmp_path / "model")
    outputs = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"](image=images)
    expected = tf.nn.softmax(network(normalize(images, MEAN, STANDARD_DEVIATION)))
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=1e-5)
    assert set(outputs["class_name"].numpy()) <= {b"dark", b"bright"}


def test_an_export_that_says_something_else_is_refused(tmp_path, network, generator, monkeypatch):
    monkeypatch.setattr(saved_model_export, "LARGEST_DIFFERENCE", -1.0)
    images = generator.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    with pytest.raises(StorageError, match="differs from the network"):
        export_network(network, dataset_of(images), Preprocessing(MEAN, STANDARD_DEVIATION), tmp_path / "model")
    assert not (tmp_path / "model").exists()
