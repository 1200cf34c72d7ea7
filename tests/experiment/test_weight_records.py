import json

import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.weight_records import keep_class_weights, keep_initial_weights

CLASS_WEIGHTS = {"cat": 0.5, "dog": 2.0}
INITIAL_WEIGHTS = {"initial_weights": "runs/a", "initial_weights_sha256": "12ab"}
CASES = [
    pytest.param(
        keep_class_weights, CLASS_WEIGHTS, {**CLASS_WEIGHTS, "dog": 3.0},
        "class_weights.json", r"--class_weights=weights\.json holds other weights", id="class weights",
    ),
    pytest.param(
        keep_initial_weights, INITIAL_WEIGHTS, {**INITIAL_WEIGHTS, "initial_weights_sha256": "34cd"},
        "initial_weights.json", "--initial_weights=runs/a holds other weights than those", id="initial weights",
    ),
]  # fmt: skip


def keep(function, folder, record, is_begun=True):
    config = EvaluationConfig(
        run_dir=str(folder), dataset="digits", class_weights="weights.json", initial_weights="runs/a"
    )
    with RunDirectory(config) as run:
        function(run, record)
        if is_begun:
            run.metrics.write_text("")


@pytest.mark.parametrize(("function", "record", "other", "name", "message"), CASES)
def test_they_are_kept_and_must_be_the_same_later(function, record, other, name, message, tmp_path):
    keep(function, tmp_path, record)
    assert json.loads((tmp_path / name).read_text()) == record
    keep(function, tmp_path, dict(record))
    with pytest.raises(RunDirectoryError, match=message):
        keep(function, tmp_path, other)
    assert json.loads((tmp_path / name).read_text()) == record


@pytest.mark.parametrize(("function", "record", "other", "name", "message"), CASES)
def test_a_run_that_has_only_begun_takes_others(function, record, other, name, message, tmp_path):
    keep(function, tmp_path, record, is_begun=False)
    (tmp_path / f"{name}.tmp").write_text("cut off")
    keep(function, tmp_path, other, is_begun=False)
    assert json.loads((tmp_path / name).read_text()) == other
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize(("function", "record", "other", "name", "message"), CASES)
def test_a_damaged_record_is_named(function, record, other, name, message, tmp_path):
    keep(function, tmp_path, record)
    (tmp_path / name).write_text("{")
    with pytest.raises(RunDirectoryError, match=name.replace(".", r"\.") + " cannot be read"):
        keep(function, tmp_path, record)


def test_without_class_weights_nothing_is_kept(tmp_path):
    keep(keep_class_weights, tmp_path, None)
    assert not (tmp_path / "class_weights.json").exists()
