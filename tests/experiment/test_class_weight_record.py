import json

import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.class_weight_record import keep_class_weights
from eoinas_tf.experiment.run_directory import RunDirectory

WEIGHTS = {"cat": 0.5, "dog": 2.0}


def keep(folder, weights, is_begun=True):
    config = EvaluationConfig(run_dir=str(folder), dataset="digits", class_weights="weights.json")
    with RunDirectory(config) as run:
        keep_class_weights(run, weights)
        if is_begun:
            run.metrics.write_text("")


def test_they_are_kept_and_must_be_the_same_later(tmp_path):
    keep(tmp_path, WEIGHTS)
    assert json.loads((tmp_path / "class_weights.json").read_text()) == WEIGHTS
    keep(tmp_path, dict(WEIGHTS))
    with pytest.raises(RunDirectoryError, match=r"--class_weights=weights\.json holds other weights"):
        keep(tmp_path, {**WEIGHTS, "dog": 3.0})
    assert json.loads((tmp_path / "class_weights.json").read_text()) == WEIGHTS


def test_a_run_that_has_only_begun_takes_others(tmp_path):
    keep(tmp_path, WEIGHTS, is_begun=False)
    keep(tmp_path, {"cat": 1.0, "dog": 1.0})
    assert json.loads((tmp_path / "class_weights.json").read_text()) == {"cat": 1.0, "dog": 1.0}


def test_without_weights_nothing_is_kept(tmp_path):
    keep(tmp_path, None)
    assert not (tmp_path / "class_weights.json").exists()


def test_a_damaged_record_is_named(tmp_path):
    keep(tmp_path, WEIGHTS)
    (tmp_path / "class_weights.json").write_text("{")
    with pytest.raises(RunDirectoryError, match=r"class_weights\.json cannot be read"):
        keep(tmp_path, WEIGHTS)
