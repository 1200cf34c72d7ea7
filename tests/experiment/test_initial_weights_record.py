import json

import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.initial_weights_record import keep_initial_weights
from eoinas_tf.experiment.run_directory import RunDirectory

RECORD = {"initial_weights": "runs/a", "initial_weights_sha256": "12ab"}


def keep(folder, record, is_begun=True):
    config = EvaluationConfig(run_dir=str(folder), dataset="digits", initial_weights="runs/a")
    with RunDirectory(config) as run:
        keep_initial_weights(run, record)
        if is_begun:
            run.metrics.write_text("")


def test_they_are_kept_and_must_be_the_same_later(tmp_path):
    keep(tmp_path, RECORD)
    keep(tmp_path, dict(RECORD))
    with pytest.raises(RunDirectoryError, match="--initial_weights=runs/a holds other weights than those"):
        keep(tmp_path, {**RECORD, "initial_weights_sha256": "34cd"})
    assert json.loads((tmp_path / "initial_weights.json").read_text()) == RECORD


def test_a_run_that_has_only_begun_takes_others(tmp_path):
    keep(tmp_path, RECORD, is_begun=False)
    (tmp_path / "initial_weights.json.tmp").write_text("cut off")
    keep(tmp_path, {**RECORD, "initial_weights_sha256": "34cd"}, is_begun=False)
    assert json.loads((tmp_path / "initial_weights.json").read_text())["initial_weights_sha256"] == "34cd"
    assert not list(tmp_path.glob("*.tmp"))
