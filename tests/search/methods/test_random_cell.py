import dataclasses
import json

import numpy as np
import pytest

from eoinas_tf.commands.search import run_one_search
from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.search import search_session
from eoinas_tf.search.methods.random_cell import RandomCell
from eoinas_tf.search.random_cells import random_cells
from eoinas_tf.search.search_loop import run_search
from eoinas_tf.search.search_method import SearchProblem
from eoinas_tf.search.seed_selection import search_seeds
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import OPERATION_NAMES, SKIP_CONNECT


def config(folder, **settings):
    return SearchConfig(method="random", run_dir=str(folder), seed=5, tensorboard=False, **settings)


def no_images(*arguments, **named):
    raise AssertionError("images were asked for")


@pytest.fixture
def finished(tmp_path, monkeypatch):
    monkeypatch.setattr(search_session, "load_search_images", no_images)
    run_search(config(tmp_path / "run"))
    return tmp_path / "run"


def test_a_cell_is_drawn_without_images_and_without_training(finished, capsys):
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["validation_accuracy"] is None
    assert (summary["method"], summary["dataset"], summary["epochs"]) == ("random", None, 0)
    drawn = next(random_cells(5, OPERATION_NAMES))
    genotype = Genotype.read(finished / "genotype.json")
    none = OPERATION_NAMES[0]
    for cell, pairs in zip(drawn, (genotype.normal, genotype.reduce), strict=True):
        assert [operation for operation, _ in pairs] == [
            OPERATION_NAMES[operation] for operation in cell if OPERATION_NAMES[operation] != none
        ]
    assert genotype.source == "Random cell, nothing trained, seed 5"
    assert {path.name for path in (finished / "plots").iterdir()} == {
        "normal_cell.png", "normal_cell.svg", "reduction_cell.png", "reduction_cell.svg",
    }  # fmt: skip
    assert "no network was trained and no image was read" in (finished / "report.html").read_text()
    final = json.loads((finished / "final_evidence.json").read_text())
    assert final["score"] == "probability"
    assert np.all(np.array(final["probability"]["normal"]) == 0.125)
    assert not (finished / "metrics.jsonl").exists()
    assert not (finished / "checkpoints").exists()


def test_the_same_seed_draws_the_same_bytes_and_another_one_another_cell(finished, tmp_path, capsys):
    run_search(config(tmp_path / "again"))
    for name in ("genotype.json", "summary.json", "final_evidence.json"):
        assert (tmp_path / "again" / name).read_bytes() == (finished / name).read_bytes()
    assert "no network was trained and no image was read" in capsys.readouterr().out
    other = dataclasses.replace(config(tmp_path / "other"), seed=6)
    run_search(other)
    assert (tmp_path / "other" / "genotype.json").read_bytes() != (finished / "genotype.json").read_bytes()


def test_a_finished_folder_stays_as_it_is(finished, capsys):
    before = (finished / "genotype.json").read_bytes()
    assert run_search(config(finished))["validation_accuracy"] is None
    assert "is finished" in capsys.readouterr().out
    assert (finished / "genotype.json").read_bytes() == before


def test_the_limit_on_identities_holds():
    # The first of this seed's cells has more.
    names, skip = OPERATION_NAMES, OPERATION_NAMES.index(SKIP_CONNECT)
    method = RandomCell(SearchProblem(config("unused", max_skip_connections=0), names, 0))
    evidence = method.evidence()
    cells = method.derive(evidence, np.zeros(evidence.scores.shape, np.int64), no_images, "")
    assert np.any(next(random_cells(5, names))[0] == skip)
    assert not np.any(cells.operation_index[0] == skip)


def test_its_folders_cannot_be_ranked(finished, tmp_path):
    with pytest.raises(ConfigurationError, match="--method=random, which trains nothing that could rank") as refusal:
        search_seeds(SearchConfig(run_dir=str(tmp_path / "best"), select_from=(str(finished),)), run_one_search)
    assert str(finished) in str(refusal.value)
    assert not (tmp_path / "best" / "genotype.json").exists()


def test_several_seeds_are_refused_before_anything_begins(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^--num_seeds must be 1 with --method=random.*Received: 4$"):
        config(tmp_path / "run", num_seeds=4)
    assert SearchConfig(method="random_search", num_seeds=4).num_seeds == 4
