import json
import zipfile

import pytest

from eoinas_tf import published_weights
from eoinas_tf.errors import ConfigurationError, WeightsError
from eoinas_tf.evaluation.weight_source import read_weight_source
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

GENOTYPE = PUBLISHED_GENOTYPES["DARTS_V2"]
CONFIG = {
    "kind": "EvaluationConfig", "network": "cells", "cells": 5, "init_channels": 8, "stem": "cifar",
    "operation_modules": ["mine"], "epochs": 3,
}  # fmt: skip
SETTINGS = {"network": "cells", "cells": 5, "init_channels": 6, "stem": "cifar", "operation_modules": ("mine",)}


@pytest.fixture
def run_dir(tmp_path):
    """A training run whose budget lowered the channels from 8 to 6."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "summary.json").write_text(
        json.dumps({"image_shape": [8, 6, 3], "init_channels": 6, "mean": [1, 2, 3], "standard_deviation": [4, 5, 6]})
    )
    (tmp_path / "dataset.json").write_text(json.dumps({"class_names": ["a", "b"]}))
    (tmp_path / "genotype.json").write_text(GENOTYPE.to_json())
    return tmp_path


def keras_file(tmp_path, layers):
    path = tmp_path / "model.keras"
    images = {"class_name": "InputLayer", "registered_name": None, "config": {"batch_shape": [None, 8, 6, 3]}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": [images, *layers]}}))
    return str(path)


def layer(name, **config):
    return {"class_name": name, "registered_name": f"eoinas_tf>{name}", "config": config}


CELL = layer("EvaluationCell", channels=6, genotype=json.loads(GENOTYPE.to_json()))
STEM = layer("StemConvolution")


def test_a_run_folder_says_which_network_it_holds(run_dir):
    source = read_weight_source(str(run_dir))
    assert (source.settings, source.image_shape, source.num_classes) == (SETTINGS, (8, 6, 3), 2)
    assert source.genotype() == GENOTYPE
    assert source.normalization == ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert not source.is_file


def test_a_keras_file_does_likewise(tmp_path):
    dense = {"class_name": "Dense", "registered_name": None, "config": {"units": 7}}
    source = read_weight_source(keras_file(tmp_path, [*[STEM] * 3, *[CELL] * 4, dense]))
    assert source.settings == {"network": "cells", "cells": 4, "init_channels": 6, "stem": "imagenet"}
    assert (source.image_shape, source.num_classes, source.genotype()) == ((8, 6, 3), 7, GENOTYPE)
    assert source.is_file
    assert source.normalization is None
    normalization = {"class_name": "Normalization", "config": {"mean": [1.0, 2.0, 3.0], "variance": [16.0, 25.0, 36.0]}}
    backbone = read_weight_source(keras_file(tmp_path, [normalization, STEM, CELL]))
    assert backbone.num_classes is None
    assert backbone.normalization == ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("ResidualNetwork", {"blocks_count": 4}, {"network": "residual", "cells": 4}),
        ("MobileNetV2", {}, {"network": "mobilenet_v2"}),
    ],
)
def test_a_keras_file_of_a_hand_designed_network(tmp_path, name, config, expected):
    own = layer(name, init_channels=2, stem="cifar", num_classes=3, **config)
    source = read_weight_source(keras_file(tmp_path, [own]))
    assert source.settings == {"init_channels": 2, "stem": "cifar", **expected}
    assert (source.genotype(), source.num_classes) == (None, 3)


def test_settings_that_are_not_given_are_the_network_s(run_dir):
    source = read_weight_source(str(run_dir))
    assert source.missing_settings({}) == {**SETTINGS, "image_size": (8, 6)}
    # Images may have another size; giving the same value again is no contradiction.
    given = {"cells": 5, "image_size": (16, 16), "epochs": 1, "operation_modules": ("mine", "other")}
    assert source.missing_settings(given) == {"network": "cells", "init_channels": 6, "stem": "cifar"}


@pytest.mark.parametrize(
    ("name", "value", "own"), [("cells", 8, 5), ("init_channels", 8, 6), ("stem", "imagenet", "cifar")]
)
def test_another_network_is_refused(run_dir, name, value, own):
    message = (
        f"--{name} contradicts --initial_weights={run_dir}, whose network has {own}; leave --{name} out. "
        f"Received: {value}"
    )
    source = read_weight_source(str(run_dir))
    for refused in (source.missing_settings, source.refuse_others):
        with pytest.raises(ConfigurationError) as error:
            refused({name: value})
        assert str(error.value) == message


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", '{"kind": "SearchConfig"}'),
        ("config.json", "[]"),
        ("summary.json", '{"init_channels": 6}'),
        ("summary.json", '{"init_channels": 6, "image_shape": [8, 8]}'),
        ("dataset.json", "{"),
        ("genotype.json", "\udcff".encode("utf-8", "surrogateescape")),
    ],
)
def test_a_folder_that_holds_no_finished_training_is_one_line(run_dir, file, content):
    (run_dir / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(WeightsError, match=r"must be of a network of this package, one of: the folder of") as error:
        read_weight_source(str(run_dir))
    assert "\n" not in str(error.value)


def test_what_is_not_there_is_one_line(run_dir):
    (run_dir / "summary.json").unlink()
    for path in (run_dir, run_dir / "no.keras"):
        with pytest.raises(WeightsError, match=r"cannot be read \(No such file or directory\)"):
            read_weight_source(str(path))


def test_another_program_s_file_is_one_line(tmp_path):
    (tmp_path / "text.keras").write_text("hello")
    paths = [str(tmp_path / "text.keras"), keras_file(tmp_path, [{"class_name": "Dense", "config": {"units": 2}}])]
    for path in paths:
        with pytest.raises(WeightsError, match="of a network of this package"):
            read_weight_source(path)


@pytest.mark.parametrize("path", ["./small", "small/", "../here/small"])
def test_a_folder_named_like_a_published_network_is_the_folder(run_dir, tmp_path, monkeypatch, path):
    monkeypatch.setattr(published_weights, "published_weights", lambda: ["small"])
    here = tmp_path / "here"
    (here / "small").mkdir(parents=True)
    for file in run_dir.glob("*.json"):
        file.rename(here / "small" / file.name)
    monkeypatch.chdir(here)
    source = read_weight_source(path)
    assert (source.path, source.is_file) == (path, False)
    assert source.settings == SETTINGS
