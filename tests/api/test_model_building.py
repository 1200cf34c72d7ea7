import dataclasses
import json
import random
import subprocess
import sys

import keras
import numpy as np
import pytest

import eoinas_tf
from eoinas_tf.api import model_building
from eoinas_tf.errors import ConfigurationError, GenotypeError, WeightsError
from eoinas_tf.evaluation.trained_network import TrainedNetwork

SMALL = {"cells": 3, "init_channels": 2}
RELOAD = """
import sys
import eoinas_tf
assert not {"keras", "tensorflow"} & set(sys.modules)
import keras, numpy as np
model = keras.models.load_model("m.keras")
with np.load("records.npz") as records:
    np.testing.assert_array_equal(model.predict(records["x"], verbose=0), records["outputs"])
    model.fit(records["x"], records["y"], verbose=0)
print(model.optimizer.iterations.numpy())
"""


@pytest.mark.parametrize("auxiliary_weight", [0.0, 0.4])
def test_fit_trains_it_and_a_saved_one_needs_only_the_import(auxiliary_weight, arrays, cells, tmp_path):
    x, y = arrays
    model = eoinas_tf.build_model(cells, (8, 8, 1), 2, **SMALL, auxiliary_weight=auxiliary_weight, seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert not model.jit_compile
    before = [weight.numpy() for weight in model.trainable_weights]
    history = model.fit(x, y, batch_size=20, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert set(history) == {"loss", "accuracy"}
    # The auxiliary head's weights too.
    assert all((old != new).any() for old, new in zip(before, map(np.array, model.trainable_weights), strict=True))
    outputs = model.predict(x, verbose=0)
    np.testing.assert_allclose(outputs.sum(axis=1), 1.0, rtol=1e-5)
    if auxiliary_weight:
        model.save(tmp_path / "m.keras")
        np.savez(tmp_path / "records.npz", x=x, y=y, outputs=outputs)
        ended = subprocess.run(
            [sys.executable, "-c", RELOAD], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert int(ended.stdout.splitlines()[-1]) == 6  # The four steps of before and two more.


def test_pixels_become_minus_one_to_one_unless_told_otherwise(cells):
    def normalized(pixel, **arguments):
        model = eoinas_tf.build_model(cells, (8, 8, 3), include_top=False, **SMALL, **arguments)
        return model.get_layer("normalization")(np.full((1, 8, 8, 3), pixel, np.float32)).numpy()[0, 0, 0].tolist()

    assert normalized(255) == [1.0, 1.0, 1.0]
    assert normalized(9, mean=(1, 2, 3), standard_deviation=2) == [4.0, 3.5, 3.0]
    bare = eoinas_tf.build_model(cells, (8, 8, 3), include_top=False, include_preprocessing=False, **SMALL)
    assert "normalization" not in [layer.name for layer in bare.layers]


def test_a_seed_gives_the_same_weights_and_leaves_the_generators_alone(cells):
    random.seed(3)
    expected = random.random()
    random.seed(3)
    first, second = (
        eoinas_tf.build_model(cells, (8, 8, 3), classes=2, **SMALL, seed=5, auxiliary_weight=0).get_weights()
        for _ in range(2)
    )
    assert random.random() == expected
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def saved_model(cells, tmp_path_factory):
    """A model of five classes with a normalization of its own, and its file."""
    file = tmp_path_factory.mktemp("saved") / "m.keras"
    model = eoinas_tf.build_model(
        cells, (8, 8, 3), 5, **SMALL, mean=(1, 2, 3), standard_deviation=(4, 5, 6), auxiliary_weight=0, seed=1
    )
    model.save(file)
    return model, file


IMAGES = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.float32)


def test_weights_of_a_file_say_all_that_is_not_given(saved_model):
    model, file = saved_model
    again = eoinas_tf.build_model(weights=file, auxiliary_weight=0)
    np.testing.assert_allclose(again(IMAGES), model(IMAGES), rtol=1e-6)
    backbone = eoinas_tf.build_model(weights=str(file), include_top=False, pooling="avg")
    expected = keras.Model(model.inputs, model.get_layer("average_pool").output)
    np.testing.assert_allclose(backbone(IMAGES), expected(IMAGES), rtol=1e-5)
    larger = eoinas_tf.build_model(weights=file, input_shape=(12, 10, 3), include_top=False)
    np.testing.assert_array_equal(
        larger.get_layer("cell_2").get_weights()[0], model.get_layer("cell_2").get_weights()[0]
    )
    for arguments in ({"num_classes": 2}, {"init_channels": 4}, {"cells": 4}, {"genotype": "GDAS_V1"}):
        with pytest.raises(ConfigurationError, match="those of another network"):
            eoinas_tf.build_model(weights=file, **arguments)


def test_a_backbones_weights_have_no_top(saved_model, tmp_path):
    eoinas_tf.build_model(weights=saved_model[1], include_top=False).save(tmp_path / "b.keras")
    backbone = eoinas_tf.build_model(weights=tmp_path / "b.keras", include_top=False)
    np.testing.assert_array_equal(backbone.get_weights()[1], saved_model[0].get_weights()[1])
    with pytest.raises(ConfigurationError, match="those of a backbone; give include_top=False"):
        eoinas_tf.build_model(weights=tmp_path / "b.keras", num_classes=5)


def test_weights_of_a_run_and_its_normalization(cells, monkeypatch, tmp_path):
    config = model_building.EvaluationConfig(**SMALL, auxiliary_weight=0.4)
    trained = model_building.build_network(config, cells, (8, 8, 3), 5)
    for name, content in {
        "config": {"kind": "EvaluationConfig", "operation_modules": ["mine"], **SMALL},
        "summary": {"image_shape": [8, 8, 3], "mean": [1, 2, 3], "standard_deviation": [4, 5, 6]},
        "dataset": {"class_names": list("abcde")},
        "genotype": json.loads(cells.to_json()),
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    restored = TrainedNetwork(trained, (8, 8, 3), tuple("abcde"), (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    monkeypatch.setattr(model_building, "restore_network", lambda folder: restored)
    imported = []
    monkeypatch.setattr(model_building, "import_operations", imported.append)
    backbone = eoinas_tf.build_model(include_top=False, weights=tmp_path)
    for name, layer in (("stem_0", trained.stem_convolutions[0]), ("cell_2", trained.cells[2])):
        for own, other in zip(backbone.get_layer(name).weights, layer.weights, strict=True):
            np.testing.assert_array_equal(own, other)
    assert np.ravel(backbone.get_layer("normalization").mean).tolist() == [1.0, 2.0, 3.0]
    # Before the genotype is read, which may name the operations that they register.
    assert [list(names) for names in imported] == [["mine"]]
    # Cells are the same whatever their source says.
    renamed = dataclasses.replace(cells, source="elsewhere")
    eoinas_tf.build_model(renamed, include_top=False, weights=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "num_classes is missing"),
        ({"num_classes": 2, "classes": 3}, "the same setting. Received: 2 and 3"),
        ({"num_classes": 0}, "at least 1"),
        ({"num_classes": 2, "pooling": "mean"}, "pooling must be"),
        ({"num_classes": 2, "input_shape": (8, 8)}, "input_shape must be"),
        ({"num_classes": 2, "input_shape": (None, 8, 3)}, "input_shape must be"),
        (
            {"num_classes": 2, "mean": (1.0, 2.0)},
            r"^mean must be a number, or one for each of the 3 channels. Received:",
        ),
        ({"num_classes": 2, "mean": "grey"}, "mean must be a number, or one for each of the 3 channels"),
        ({"num_classes": 2, "mean": float("nan")}, "mean must be finite. Received: nan"),
        (
            {"num_classes": 2, "standard_deviation": (1.0, 0.0, 1.0)},
            r"standard_deviation must be finite and above 0. Received: \(1",
        ),
        ({"num_classes": 2, "cells": 1}, "--cells must be at least 3"),
        ({"num_classes": 2, "genotype": "DARTS_V9"}, "--genotype must be a file or one of"),
        ({"num_classes": 2, "genotype": None}, "genotype and input_shape are missing"),
        ({"num_classes": 2, "weights": "nowhere"}, r"weights=nowhere cannot be read \(No such file"),
    ],
)
def test_arguments_that_do_not_fit_are_one_line(arguments, message, cells, monkeypatch):
    monkeypatch.setattr(keras.layers.Layer, "build", None)
    with pytest.raises((ConfigurationError, GenotypeError, WeightsError), match=message):
        eoinas_tf.build_model(**{"genotype": cells, "input_shape": (8, 8, 3), **arguments})
