import pytest

import eoinas_tf
from eoinas_tf.api import network_training
from eoinas_tf.api.network_training import as_genotype
from eoinas_tf.api.run_folders import SearchRun
from eoinas_tf.errors import ConfigurationError, GenotypeError
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES


@pytest.fixture
def trainings(monkeypatch):
    """The (settings, images, genotype) that trainings were run with, none of which is."""
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


@pytest.mark.parametrize("name", ["describe", "pytorch_weights", "max_steps"])
def test_settings_that_train_nothing_are_refused(name, trainings, cells):
    with pytest.raises(ConfigurationError, match=f"{name} is for run_eval.py"):
        eoinas_tf.train(cells, "digits", **{name: True})
    assert not trainings
