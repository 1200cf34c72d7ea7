import zipfile

import numpy as np
import pytest
from small_trained_run import CELLS, shifted

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import WeightsError
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.keras_classifier import keras_classifier
from eoinas_tf.evaluation.keras_file import read_keras_file
from eoinas_tf.evaluation.weight_source import read_weight_source

SHAPE = (8, 8, 3)


def saved(tmp_path, include_top=True, mean=(1.0, 2.0, 3.0), genotype=CELLS, **settings):
    """Returns a shifted network and the file that it was saved to."""
    config = EvaluationConfig(cells=3, init_channels=2, auxiliary_weight=0.0, **settings)
    network = shifted(build_network(config, genotype, SHAPE, 4))
    path = tmp_path / "model.keras"
    deviation = None if mean is None else (1.0, 1.0, 1.0)
    keras_classifier(network, SHAPE, mean=mean, standard_deviation=deviation, include_top=include_top).save(path)
    return network, str(path)


@pytest.mark.parametrize(
    "settings", [{}, {"mean": None}, {"network": "residual", "genotype": None}], ids=["cells", "bare", "residual"]
)
def test_every_value_is_the_saved_network_s(tmp_path, settings):
    network, path = saved(tmp_path, **settings)
    read = read_keras_file(read_weight_source(path))
    assert read.num_classes == 4
    for own, other in zip(read.variables, network.variables, strict=True):
        np.testing.assert_array_equal(own.numpy(), other.numpy())


def test_a_backbone_has_all_but_the_classifier(tmp_path):
    network, path = saved(tmp_path, include_top=False)
    read = read_keras_file(read_weight_source(path))
    pairs = zip(read.stem_convolutions + read.cells, network.stem_convolutions + network.cells, strict=True)
    for own, other in pairs:
        for value, expected in zip(own.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(value, expected)


def test_weights_of_another_network_are_one_line(tmp_path):
    _, path = saved(tmp_path)
    (tmp_path / "wide").mkdir()
    config = EvaluationConfig(cells=3, init_channels=3, auxiliary_weight=0.0)
    wide = keras_classifier(build_network(config, CELLS, SHAPE, 4), SHAPE, mean=None, standard_deviation=None)
    wide.save(tmp_path / "wide" / "model.keras")
    mixed = tmp_path / "mixed.keras"
    with (
        zipfile.ZipFile(path) as one,
        zipfile.ZipFile(tmp_path / "wide" / "model.keras") as other,
        zipfile.ZipFile(mixed, "w") as archive,
    ):
        for name in ("config.json", "metadata.json"):
            archive.writestr(name, one.read(name))
        archive.writestr("model.weights.h5", other.read("model.weights.h5"))
    with pytest.raises(WeightsError, match="are not those of the network that it describes") as error:
        read_keras_file(read_weight_source(str(mixed)))
    assert "\n" not in str(error.value)


def test_a_value_that_is_not_finite_is_refused(tmp_path):
    network, _ = saved(tmp_path)
    network.cells[1].variables[0].assign(np.full(network.cells[1].variables[0].shape, np.nan, np.float32))
    path = tmp_path / "nan.keras"
    keras_classifier(network, SHAPE, mean=None, standard_deviation=None).save(path)
    with pytest.raises(WeightsError, match="weights are missing in it, or are NaN or infinite"):
        read_keras_file(read_weight_source(str(path)))
