import json
import types

import numpy as np
import pytest

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.search import search_session
from eoinas_tf.search.search_session import SearchSession
from eoinas_tf.search.seed_selection import seed_config
from eoinas_tf.space.genotype import Genotype


@pytest.fixture
def config(tmp_path):
    return SearchConfig(run_dir=str(tmp_path / "run"), method="random", seed=5)


@pytest.fixture(autouse=True)
def no_images(monkeypatch):
    def load(*arguments):
        raise AssertionError("images were read")

    monkeypatch.setattr(search_session, "load_search_images", load)


def test_a_method_that_trains_nothing_reads_no_image_and_has_no_epoch(config):
    with SearchSession(config) as session:
        assert list(session.epochs_left()) == []
        evidence = session.method.evidence()
        cells = session.method.derive(evidence, session.drop_epochs, session.cell_accuracy, session.source)
        summary = session.finish(cells, evidence)
    assert summary["validation_accuracy"] is None
    assert Genotype.read(session.run.genotype) == cells.genotype
    assert json.loads(session.run.summary.read_text()) == summary
    final = json.loads(session.run.final_evidence.read_text())
    np.testing.assert_allclose(np.array(final["probability"]["normal"]), 1 / 8)


def test_a_finished_search_is_answered_from_its_folder(config, capsys):
    with SearchSession(config) as session:
        evidence = session.method.evidence()
        cells = session.method.derive(evidence, session.drop_epochs, session.cell_accuracy, session.source)
        summary = session.finish(cells, evidence)
    with SearchSession(config) as session:
        assert session.finished_summary == summary
    assert "is finished" in capsys.readouterr().out


def test_settings_that_make_no_search_are_refused_before_the_folder_is_made(tmp_path):
    config = SearchConfig(run_dir=str(tmp_path / "run"), epochs=3)
    with pytest.raises(ConfigurationError, match="use at least 8 epochs"):
        SearchSession(config)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("names", [("none", "skip_connect"), ("skip_connect", "none")])
@pytest.mark.parametrize("method", ["pdarts", "random", "random_search"])
def test_a_limit_that_leaves_no_operation_is_refused_before_images_are_read(names, method, tmp_path):
    limit = {} if method == "pdarts" else {"max_skip_connections": 7}
    config = SearchConfig(run_dir=str(tmp_path / "run"), method=method, operations=names, **limit)
    with pytest.raises(ConfigurationError, match="needs an operation other than none and skip_connect"):
        SearchSession(config).__enter__()


def test_unknown_candidates_are_refused_before_images_are_read(tmp_path):
    config = SearchConfig(run_dir=str(tmp_path / "run"), operations=("skip_connect", "conv_9x9"))
    with pytest.raises(
        ConfigurationError, match=r"^--operations: conv_9x9 is not known; known: none, .*operation_modules"
    ):
        SearchSession(config).__enter__()


@pytest.mark.parametrize(
    ("settings", "continues"),
    [
        ({"epochs": 4}, False),
        ({"epochs": 8}, True),
        ({"epochs": 80, "warmup_epochs": 50}, False),
        ({"epochs": 4, "method": "darts"}, True),
    ],
)
def test_a_try_that_the_whole_search_would_be_refused_after_says_so(settings, continues, tmp_path):
    config = SearchConfig(run_dir=str(tmp_path / "run"), max_steps=3, **settings)
    assert SearchSession(config)._continues() == continues
    run = types.SimpleNamespace(config=config.changed(num_seeds=2))
    assert SearchSession(seed_config(run, 1, tmp_path / "run" / "seed_1"))._continues() == continues
