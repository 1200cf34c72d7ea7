import json
import os
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.export_folder import DESCRIPTION, check_replaceable, new_export


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run" / "export"


def write(folder, content="new"):
    with new_export(folder, {"format": "text"}) as temporary:
        (temporary / "variables").mkdir()
        (temporary / "model").write_text(content)
        (temporary / "variables" / "data").write_text(content)
        return temporary


def entries(folder):
    return sorted(path.name for path in folder.parent.iterdir())


def test_an_export_has_its_name_only_when_it_is_whole(folder):
    with new_export(folder, {"format": "text"}) as temporary:
        assert not folder.exists()
        assert temporary.parent == folder.parent
        (temporary / "model").write_text("new")
    assert not temporary.exists()
    assert entries(folder) == ["export"]
    assert json.loads((folder / DESCRIPTION).read_text()) == {
        "producer": "eoinas_tf", "format": "text", "files": ["model"],
    }  # fmt: skip


def test_an_older_export_is_replaced_with_all_it_held(folder):
    write(folder, "old")
    with new_export(folder, {}) as temporary:
        (temporary / "other").write_text("new")
        assert (folder / "model").read_text() == "old"
    assert sorted(path.name for path in folder.iterdir()) == [DESCRIPTION, "other"]
    assert entries(folder) == ["export"]


@pytest.mark.parametrize("error", [StorageError("differs"), KeyboardInterrupt()])
def test_an_export_that_fails_leaves_the_older_one(folder, error):
    write(folder, "old")
    with pytest.raises(type(error)), new_export(folder, {}):
        raise error
    assert (folder / "model").read_text() == "old"
    assert entries(folder) == ["export"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), tf.errors.ResourceExhaustedError(None, None, "disk full\nmore")]
)
def test_an_export_that_cannot_be_written_is_one_line(folder, error):
    with (
        pytest.raises(StorageError, match=r"export could not be written: (No space left|disk full)[^\n]*$"),
        new_export(folder, {}),
    ):
        raise error
    assert entries(folder) == []


def test_a_failed_renaming_gives_the_older_export_its_name_back(folder, monkeypatch):
    write(folder, "old")
    rename = Path.rename

    def failing(path, target):
        if path.suffix == ".tmp" and target == folder:
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(StorageError, match="Input/output error"):
        write(folder)
    assert (folder / "model").read_text() == "old"
    assert entries(folder) == ["export"]


def make_folder(path):
    path.mkdir(parents=True)
    (path / "thesis.tex").write_text("years of work")


def make_others_export(path):
    make_folder(path)
    (path / DESCRIPTION).write_text('{"producer": "somebody else"}')


def make_damaged_description(path):
    make_folder(path)
    (path / DESCRIPTION).write_text("{")


def make_file(path):
    path.parent.mkdir(parents=True)
    path.write_text("text")


def make_dead_link(path):
    path.parent.mkdir(parents=True)
    path.symlink_to("nowhere")


def make_link_to_an_export(path):
    write(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "make",
    [make_folder, make_others_export, make_damaged_description, make_file, make_dead_link, make_link_to_an_export],
)
def test_what_is_no_export_of_ours_is_left_alone(folder, make):
    make(folder)
    before = sorted(str(path) for path in folder.parent.rglob("*"))
    with pytest.raises(StorageError, match="is not replaced by an export, because it is none itself"):
        write(folder)
    assert sorted(str(path) for path in folder.parent.rglob("*")) == before


def test_an_export_with_a_file_of_somebody_else_is_left_alone(folder):
    write(folder)
    check_replaceable(folder)
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "warmup").write_text("requests")
    with pytest.raises(StorageError, match=r"holds 'assets\.extra/warmup', which the old one did not bring"):
        write(folder)
    assert (folder / "assets.extra" / "warmup").exists()


def test_what_killed_exports_left_is_swept_and_nothing_else(folder):
    write(folder, "old")
    for name in ("export.1.tmp", "export.1.old"):
        shutil.copytree(folder, folder.with_name(name))
    for name in ("export.2.tmp", "export.mine.tmp", "other.1.tmp", "export.1.tmp.backup"):
        make_folder(folder.with_name(name))
    write(folder)
    assert entries(folder) == ["export", "export.1.tmp.backup", "export.2.tmp", "export.mine.tmp", "other.1.tmp"]


def test_an_export_killed_between_its_two_renamings_is_not_lost(folder):
    write(folder, "old")
    folder.rename(folder.with_name("export.1.old"))
    with pytest.raises(StorageError), new_export(folder, {}):
        raise StorageError("differs")
    assert (folder / "model").read_text() == "old"
    assert entries(folder) == ["export"]


def test_an_export_is_durable_before_it_has_its_name(folder, monkeypatch):
    synchronized, real_sync, real_rename = [], os.fsync, Path.rename

    def sync(descriptor):
        synchronized.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real_sync(descriptor)

    def rename(path, target):
        synchronized.append("renamed")
        return real_rename(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "rename", rename)
    temporary = write(folder)
    before, after = synchronized[: synchronized.index("renamed")], synchronized[synchronized.index("renamed") :]
    assert {"model", "data", "variables", DESCRIPTION, temporary.name} <= set(before)
    assert after == ["renamed", folder.parent.name]
