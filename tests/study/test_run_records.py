import json
import tarfile

import pytest
from small_search import write_planned_search
from small_study import write_study

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.study.derived_cells import is_done, settle_derived
from eoinas_tf.study.gathered_results import COLUMNS, gather_results
from eoinas_tf.study.run_records import pack_records
from eoinas_tf.study.study_file import read_study
from eoinas_tf.study.study_plan import plan_study


@pytest.fixture
def study(tmp_path):
    return read_study(write_study(tmp_path))


def train(run, accuracy):
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / "summary.json").write_text(json.dumps({"finished": True, "test_accuracy": accuracy}))
    (run.folder / "timing.jsonl").write_text('{"epoch": 1, "seconds": 2.5}\n')
    (run.folder / "model.keras").write_bytes(b"large")
    (run.folder / "checkpoints").mkdir()
    (run.folder / "checkpoints" / "listing.json").write_text("{}")
    (run.folder / "checkpoints.json").write_text("{}")


@pytest.fixture
def begun(study, tmp_path):
    """A study with a finished search, three trainings, one of them of a derived cell, and one that has begun."""
    runs = plan_study(study, tmp_path / "here")
    searched = next(run for run in runs if run.kind == "search" and run.seed == 1)
    write_planned_search(searched)
    chosen = {run.label or run.cell: run for run in runs if run.training == "short" and run.seed == 0}
    for position, name in enumerate(("eoinas/1", "DARTS_V2", "max_pool_3x3")):
        train(settle_derived(chosen[name]), 0.5 + 0.1 * position)
    network = chosen["residual network"].folder
    network.mkdir(parents=True)
    (network / "metrics.jsonl").write_text('{"epoch": 1}\n')
    return runs


def test_unpacked_elsewhere_the_same_runs_are_finished_with_the_same_results(study, begun, tmp_path):
    archive = tmp_path / "kept" / "records.tar.xz"
    assert pack_records(begun, tmp_path / "here", archive) == 4
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "there", filter="data")
    runs = plan_study(study, tmp_path / "there")
    assert [run.title for run in runs if is_done(run)] == [run.title for run in begun if is_done(run)]
    assert sum(map(is_done, runs)) >= 4
    found, expected = gather_results(runs), gather_results(begun)
    for name in COLUMNS:
        assert getattr(found, name).equals(getattr(expected, name)), name
    for run in runs:
        if is_done(run):
            settle_derived(run).check_settings()


def test_only_records_of_finished_runs_are_packed(begun, tmp_path):
    archive = tmp_path / "records.tar.xz"
    pack_records(begun, tmp_path / "here", archive)
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert names == sorted(names)
    assert {name.rsplit("/", 1)[1] for name in names} == {
        "config.json", "genotype.json", "metrics.jsonl", "pruning.jsonl", "summary.json", "timing.jsonl",
    }  # fmt: skip
    assert not any("residual" in name or "checkpoints" in name for name in names)


def test_the_same_records_give_the_same_bytes(begun, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    pack_records(begun, tmp_path / "here", first)
    for path in (tmp_path / "here").rglob("summary.json"):
        path.touch()
    pack_records(begun, tmp_path / "here", second)
    assert first.read_bytes() == second.read_bytes()


def test_a_study_without_a_finished_run_has_nothing_to_pack(study, tmp_path):
    runs = plan_study(study, tmp_path / "here")
    with pytest.raises(ConfigurationError, match="has no finished run of this study"):
        pack_records(runs, tmp_path / "here", tmp_path / "records.tar.xz")
    assert not (tmp_path / "records.tar.xz").exists()
