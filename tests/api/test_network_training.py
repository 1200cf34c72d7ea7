import json

import numpy as np
import pytest

import eoinas_tf
from eoinas_tf.api import network_training
from eoinas_tf.api.network_training import as_genotype
from eoinas_tf.api.run_folders import SearchRun, TrainingRun
from eoinas_tf.errors import ConfigurationError, GenotypeError
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

pytestmark = pytest.mark.usefixtures("pictures_are_not_drawn")


@pytest.fixture
def trainings(monkeypatch):
    """Records the (settings, images, genotype) of training runs, and runs none of them."""
    calls = []
    monkeypatch.setattr(network_training, "run_evaluation", lambda *arguments: calls.append(arguments))
    return calls


def test_a_genotype_is_taken_in_every_form(cells, tmp_path):
    (tmp_path / "genotype.json").write_text(cells.to_json())
    for given in (cells, SearchRun(tmp_path), tmp_path / "genotype.json", str(tmp_path / "genotype.json")):
        assert as_genotype(given) == cells
    assert as_genotype("DARTS_V2") is PUBLISHED_GENOTYPES["DARTS_V2"]
    with pytest.raises(GenotypeError, match="must be a file or one of"):
        as_genotype("DARTS_V9")


def test_settings_images_and_cells_are_handed_over(trainings, arrays, cells, tmp_path):
    trained = eoinas_tf.train(cells, arrays, test_data=arrays, run_dir=tmp_path / "a", epochs=3, auxiliary_weight=0.2)
    eoinas_tf.train(PUBLISHED_GENOTYPES["PDARTS"], "digits", run_dir=tmp_path / "b")
    (config, images, genotype), (published, no_images, _) = trainings
    assert trained.run_dir == tmp_path / "a"
    assert (config.dataset, config.epochs, config.auxiliary_weight) == ("arrays", 3, 0.2)
    assert (len(images.train), len(images.test), genotype) == (40, 40, cells)
    assert (config.genotype, published.genotype, no_images) == ("genotype.json", "PDARTS", None)


@pytest.fixture
def weights(tmp_path, cells):
    """The run folder of a training run on images of 16x8 pixels."""
    folder = tmp_path / "weights"
    folder.mkdir()
    config = {"kind": "EvaluationConfig", "network": "cells", "cells": 5, "init_channels": 8, "stem": "cifar"}
    contents = {"config": config, "summary": {"image_shape": [16, 8, 3]}, "dataset": {"class_names": ["a", "b"]}}
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    (folder / "genotype.json").write_text(cells.to_json())
    return folder


def test_the_network_comes_from_initial_weights(trainings, arrays, cells, weights, tmp_path):
    for source in (weights, str(weights), TrainingRun(weights)):
        eoinas_tf.train(None, arrays, run_dir=tmp_path / "a", initial_weights=source, freeze_backbone_epochs=2)
        config, images, genotype = trainings.pop()
        assert (config.initial_weights, config.freeze_backbone_epochs) == (str(weights), 2)
        assert (config.cells, config.init_channels, config.genotype, genotype) == (5, 8, "", None)
        assert config.image_size == images.image_shape[:2] == (16, 8)
    eoinas_tf.train(cells, arrays, run_dir=tmp_path / "b", initial_weights=weights, image_size=[8, 8], cells=5)
    config, images, genotype = trainings.pop()
    assert (config.image_size, images.image_shape, genotype) == ((8, 8), (8, 8, 1), cells)
    with pytest.raises(ConfigurationError, match="--cells contradicts"):
        eoinas_tf.train(None, arrays, initial_weights=weights, cells=6)
    with pytest.raises(ConfigurationError, match="genotype must be given unless initial_weights bring cells"):
        eoinas_tf.train(None, arrays)
    assert not trainings


def test_a_network_without_cells_needs_no_genotype(trainings, arrays, cells, tmp_path):
    eoinas_tf.train(None, arrays, run_dir=tmp_path / "a", network="residual", image_size=6)
    ((config, images, genotype),) = trainings
    assert (config.network, config.genotype, genotype) == ("residual", "", None)
    assert config.image_size == images.image_shape[:2] == (6, 6)  # One number for both, as on the command line.
    with pytest.raises(ConfigurationError, match="--genotype belongs to networks of cells"):
        eoinas_tf.train(cells, arrays, network="residual")


def test_the_images_are_set_as_in_the_search_of_the_cells(trainings, cells, tmp_path, capsys):
    run_dir = tmp_path / "search"
    run_dir.mkdir()
    (run_dir / "genotype.json").write_text(cells.to_json())
    stored = {"kind": "SearchConfig", "dataset": "digits", "image_size": [16, 16], "horizontal_flip": False}
    (run_dir / "config.json").write_text(json.dumps(stored))
    for given in (SearchRun(run_dir), run_dir / "genotype.json"):
        eoinas_tf.train(given, "digits", run_dir=tmp_path / "a", crop_padding=1)
        config, _, _ = trainings.pop()
        assert (config.image_size, config.horizontal_flip, config.crop_padding) == ((16, 16), False, 1)
        assert "--image_size=16,16 --nohorizontal_flip" in capsys.readouterr().err
    (tmp_path / "begun").mkdir()
    begun = {"kind": "EvaluationConfig", "image_size": None, "horizontal_flip": True}  # By an earlier version.
    (tmp_path / "begun" / "config.json").write_text(json.dumps(begun))
    (tmp_path / "begun" / "metrics.jsonl").write_text("")
    eoinas_tf.train(SearchRun(run_dir), "digits", run_dir=tmp_path / "begun")
    config, _, _ = trainings.pop()
    assert (config.image_size, config.horizontal_flip) == (None, True)
    eoinas_tf.train(SearchRun(run_dir), "digits", run_dir=tmp_path / "b", horizontal_flip=True)
    assert trainings.pop()[0].horizontal_flip is True
    for other in ("cifar10", (np.zeros((40, 8, 8), np.uint8), np.arange(40) % 2)):
        eoinas_tf.train(SearchRun(run_dir), other, run_dir=tmp_path / "c")
        assert trainings.pop()[0].image_size is None


@pytest.mark.parametrize("name", ["describe", "measure", "pytorch_weights", "max_steps"])
def test_settings_that_train_nothing_are_refused(name, trainings, cells):
    with pytest.raises(ConfigurationError, match=f"{name} is for run_eval.py"):
        eoinas_tf.train(cells, "digits", **{name: True})
    assert not trainings
