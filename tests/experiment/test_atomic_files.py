import os

import pytest

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment import atomic_files
from eoinas_tf.experiment.atomic_files import write_json, write_text


def test_content_is_durable_before_the_name_and_the_name_before_the_return(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, original=original: (calls.append(name), original(*a))[1])
    write_text(tmp_path / "file", "text")
    assert calls == ["fsync", "replace", "fsync"]
    assert (tmp_path / "file").read_text() == "text"
    assert os.listdir(tmp_path) == ["file"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_text(tmp_path / "file", "old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(StorageError, match="file could not be written: No space left on device"):
        write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"


def test_json_refuses_what_json_does_not_know(tmp_path):
    write_json(tmp_path / "file.json", {"value": [1, None]})
    assert (tmp_path / "file.json").read_text() == '{\n  "value": [\n    1,\n    null\n  ]\n}\n'
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "file.json", {"value": float("nan")})
