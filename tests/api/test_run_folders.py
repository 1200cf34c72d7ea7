import json

import pytest

import eoinas_tf
from eoinas_tf.api.run_folders import SearchRun
from eoinas_tf.errors import GenotypeError, RunDirectoryError


@pytest.fixture
def folder(tmp_path, cells):
    (tmp_path / "config.json").write_text(json.dumps({"kind": "SearchConfig", "epochs": 3}))
    (tmp_path / "summary.json").write_text(json.dumps({"validation_accuracy": 0.5}))
    (tmp_path / "metrics.jsonl").write_text("")
    (tmp_path / "genotype.json").write_text(cells.to_json())
    return tmp_path


def test_a_run_is_what_its_folder_holds(folder, cells):
    run = eoinas_tf.load_run(folder)
    assert isinstance(run, SearchRun)
    assert (run.settings["epochs"], run.summary, run.metrics) == (3, {"validation_accuracy": 0.5}, [])
    assert (run.genotype, run.run_dir) == (cells, folder)
    assert "normal cell" in [text.get_text() for text in run.plot().texts]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", None, "config.json cannot be read"),
        ("config.json", "[]", "is not a file of a run"),
        ("config.json", "{}", "holds no finished run"),
        ("summary.json", None, "holds no finished run"),
    ],
)
def test_what_is_no_finished_run_is_refused(file, content, message, folder):
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(RunDirectoryError, match=message):
        eoinas_tf.load_run(folder)


def test_a_damaged_genotype_is_one_line(folder):
    (folder / "genotype.json").write_text("{}")
    with pytest.raises(GenotypeError, match="format"):
        _ = eoinas_tf.load_run(folder).genotype
