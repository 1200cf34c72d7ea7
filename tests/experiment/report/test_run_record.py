import json

import numpy as np
import pytest
from small_runs import EDGES, OPERATIONS, write_search

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.report.run_record import read_run


def test_a_search_is_read(search):
    record = read_run(search)
    assert record.is_search
    assert isinstance(record.config, SearchConfig)
    assert record.config.batch_size == 32
    assert record.operations == OPERATIONS
    assert record.edges == EDGES
    assert record.edge_names[:3] == ["0-2", "1-2", "0-3"]
    assert (record.score, record.score_label) == ("importance", "the score S")
    np.testing.assert_array_equal(record.final_scores("normal")[0], [0.5, np.nan, 0.625])
    assert record.scores_at(8, "normal", 0) == {"none": 0.25, "skip_connect": 0.125, "sep_conv_3x3": 0.5}
    assert record.scores_at(99, "normal", 0) == {}


def test_an_evaluation_has_no_score_but_classes(training):
    record = read_run(training)
    assert not record.is_search
    assert (record.score, record.drops) == (None, [])
    assert [row["class"] for row in record.classes][:2] == ["ant", "empty"]


def test_a_search_of_an_earlier_version_is_ranked_by_what_its_metrics_hold(tmp_path):
    folder = write_search(tmp_path / "run")
    (folder / "final_evidence.json").unlink()
    record = read_run(folder)
    assert (record.score, record.operations, record.edges) == ("importance", OPERATIONS, EDGES)
    assert record.final_scores("normal") is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("summary.json", None, "is not finished: it has no summary.json"),
        ("config.json", None, "is no run folder: it has no config.json"),
        ("config.json", '{"kind": "Other"}', "Received: kind 'Other'"),
        ("summary.json", "{", "summary.json cannot be read"),
        ("genotype.json", "[]", "genotype.json holds no JSON object"),
        ("metrics.jsonl", "{\n{}\n", "metrics.jsonl holds a damaged line"),
    ],
)
def test_what_is_no_finished_run_is_one_line(tmp_path, name, content, message):
    folder = write_search(tmp_path / "run")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(RunDirectoryError, match=message) as caught:
        read_run(folder)
    assert "\n" not in str(caught.value)


def test_settings_that_this_version_does_not_know_make_no_config(tmp_path):
    folder = write_search(tmp_path / "run")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "method": "newer"}))
    assert read_run(folder).config is None
