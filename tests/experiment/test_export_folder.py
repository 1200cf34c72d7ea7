import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from small_disk import PAGE, fill, in_child, mount_small_disk

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.export_folder import DESCRIPTION, check_replaceable, new_export
from eoinas_tf.experiment.exported_predictions import LOADERS
from eoinas_tf.experiment.saved_model_export import write_saved_model
from eoinas_tf.quiet_logging import without_warnings


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
    with pytest.raises(StorageError, match="is not replaced by an export, because it is not an export of eoinas_tf"):
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


def test_an_export_is_durable_before_it_has_its_name(folder, disk_calls):
    for _ in range(2):
        disk_calls.clear()
        temporary = write(folder)
        names = [call for call in disk_calls if call[0] == "rename" and call[1] != f"{DESCRIPTION}.tmp"]
        renamed = disk_calls.index(("rename", temporary.name, folder.name))
        synced = [name for kind, name, *_ in disk_calls[: disk_calls.index(names[0])] if kind == "sync"]
        assert {"model", "data", "variables", f"{DESCRIPTION}.tmp"} <= set(synced)
        # The description, which marks it as complete, after everything that it lists.
        assert synced[-2:] == [f"{DESCRIPTION}.tmp", temporary.name]
        assert disk_calls[renamed + 1] == ("sync", folder.parent.name)
    old = temporary.name.replace(".tmp", ".old")
    assert names == [
        ("rename", folder.name, old), ("rename", temporary.name, folder.name), ("rename", old, temporary.name),
    ]  # fmt: skip


FILES = {"model", "variables/data"}


def write_in_steps(folder, content, step=None):
    with new_export(folder, {"format": "text"}) as temporary:
        (temporary / "variables").mkdir()
        for name in sorted(FILES):
            with open(temporary / name, "w") as file:
                file.write(content[:1])
                file.flush()
                if step is not None:
                    step("in the middle of a file")
                file.write(content[1:])


def watch_steps(step):
    """Calls `step` before each change that this process makes to a file system and each fsync; for a child process."""
    changes = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}

    def hook(event, arguments):
        if event in changes or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            step(event)

    sync = os.fsync

    def watched_sync(descriptor):
        step("fsync")
        sync(descriptor)

    os.fsync = watched_sync
    sys.addaudithook(hook)


def export_in_child(folder, killed_at=None):
    """Exports "new" in a forked child, which is killed before the step with that number; returns the steps' names."""

    def export():
        steps = []

        def step(name):
            if len(steps) == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            steps.append(name)

        watch_steps(step)
        write_in_steps(folder, "new", step)
        return steps

    if killed_at is None:
        return in_child(export)
    with pytest.raises(AssertionError, match="ended with status 9 and said nothing"):
        in_child(export)
    return []


def content_of(folder):
    """Returns the content of a complete export, None if there is none; fails if there is half of one."""
    if not folder.exists():
        return None
    assert set(json.loads((folder / DESCRIPTION).read_text())["files"]) == FILES
    (content,) = {(folder / name).read_text() for name in FILES}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {*FILES, DESCRIPTION}
    return content


def none_before(folder):
    folder.parent.mkdir()


def one_before(folder):
    write_in_steps(folder, "old")


def one_killed_between_its_two_renamings(folder):
    write_in_steps(folder, "old")
    shutil.copytree(folder, folder.with_name("export.1.tmp"))
    folder.rename(folder.with_name("export.1.old"))


def one_killed_while_the_older_was_removed(folder):
    write_in_steps(folder, "old")
    shutil.copytree(folder, folder.with_name("export.1.old"))


def points_of_kill(steps, every):
    """Returns some of the steps: each renaming, the step after it, all removals, and every so many of the others."""
    renamings = {number for number, name in enumerate(steps) if name == "os.rename"}
    after = {number + 1 for number in renamings if number + 1 < len(steps)}
    removals = set(range(max(renamings), len(steps)))
    return sorted(renamings | after | removals | set(range(0, len(steps), every)))


def check_kills(tmp_path, prepare, every):
    """Kills an export at some of its steps; after each kill, checks the content and what the next exports make."""
    dry_run = tmp_path / "dry run" / "export"
    prepare(dry_run)
    steps = export_in_child(dry_run)
    assert {"os.mkdir", "open", "fsync", "os.rename", "in the middle of a file"} <= set(steps)
    older = None if prepare is none_before else "old"
    points, seen = points_of_kill(steps, every), set()
    for point in points:
        folder = tmp_path / f"killed at {point}" / "export"
        prepare(folder)
        export_in_child(folder, point)
        found = content_of(folder)
        if found is None and older:
            (kept,) = folder.parent.glob("export.*.old")
            assert content_of(kept) == "old"
        seen.add(found)
        # The next export removes the remains and restores the older one's name, even if it fails itself.
        with pytest.raises(StorageError, match="differs"), new_export(folder, {}):
            raise StorageError("differs")
        assert content_of(folder) == (found or older)
        assert entries(folder) == (["export"] if found or older else [])
        write_in_steps(folder, "newer")
        assert content_of(folder) == "newer"
        assert entries(folder) == ["export"]
    assert seen == {None, older, "new"}
    return len(points)


def test_killed_at_some_of_its_steps_an_export_is_absent_or_whole_and_an_older_one_is_not_lost(tmp_path):
    assert check_kills(tmp_path, one_before, every=10) >= 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "prepare",
    [none_before, one_before, one_killed_between_its_two_renamings, one_killed_while_the_older_was_removed],
)
def test_killed_at_each_of_its_steps_an_export_is_absent_or_whole_and_an_older_one_is_not_lost(tmp_path, prepare):
    assert check_kills(tmp_path, prepare, every=1) >= 20


def test_remains_of_every_kind_are_swept_though_some_tell_nothing_of_themselves(folder):
    """As after kills before the description was written, during it, and before the last folder was removed."""
    for number, left in enumerate(([], [f"{DESCRIPTION}.tmp"], [DESCRIPTION, "model"])):
        remains = folder.with_name(f"export.{number}.tmp")
        remains.mkdir(parents=True)
        for name in left:
            (remains / name).write_text('{"producer": "eoinas_tf"}')
    write(folder)
    assert entries(folder) == ["export"]


def export_saved_model(classifier, folder):
    with without_warnings("tensorflow"), new_export(folder, {}) as temporary:
        write_saved_model(classifier, temporary)


@pytest.fixture(scope="module")
def saved_model(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("older") / "export"
    export_saved_model(tiny.classifier, folder)
    return folder


def test_killed_while_it_is_written_a_saved_model_leaves_the_older_one(tiny, saved_model, tmp_path):
    folder = tmp_path / "export"
    shutil.copytree(saved_model, folder)
    for seen in ("variables", "variables/variables.index", "fingerprint.pb"):
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(60)
                export_saved_model(tiny.classifier, folder)
            finally:
                os._exit(1)
        ended = 0
        while not ended and not (tmp_path / f"export.{child}.tmp" / seen).exists():
            time.sleep(0.001)
            ended, _ = os.waitpid(child, os.WNOHANG)
        assert not ended, f"it ended before {seen} was there"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert {path.name for path in tmp_path.iterdir()} == {"export", f"export.{child}.tmp"}
        outputs = LOADERS["saved_model"](folder)(tiny.images)
        np.testing.assert_allclose(outputs["probabilities"], tiny.probabilities, atol=1e-6)
    export_saved_model(tiny.classifier, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    outputs = LOADERS["saved_model"](folder)(tiny.images)
    np.testing.assert_allclose(outputs["probabilities"], tiny.probabilities, atol=1e-6)


def export_on_a_full_disk(tmp_path, pages_left, older, write_files):
    """Replaces an export on a full disk; returns the error, the entries, the older one's content, free bytes."""

    def fill_and_export():
        disk = tmp_path / "disk"
        mount_small_disk(disk, pages=128)
        shutil.copytree(older, disk / "export")
        filler = fill(disk, pages_left)
        with pytest.raises(StorageError) as error, new_export(disk / "export", {}) as temporary:
            write_files(temporary)
        filler.unlink()
        found = {path.name: path.read_bytes().hex() for path in (disk / "export").rglob("*") if path.is_file()}
        return [str(error.value), sorted(os.listdir(disk)), found]

    message, left, found = in_child(fill_and_export)
    assert message.startswith(f"the export to {tmp_path / 'disk' / 'export'} could not be written: ")
    assert left == ["export"]
    assert found == {path.name: path.read_bytes().hex() for path in older.rglob("*") if path.is_file()}
    return message


def test_a_full_disk_is_one_line_and_leaves_the_older_export(folder, tmp_path):
    write(folder, "old")
    message = export_on_a_full_disk(
        tmp_path, 2, folder, lambda temporary: (temporary / "model").write_bytes(bytes(3 * PAGE))
    )
    assert message.endswith(f": No space left on device; {2 * PAGE} bytes are free; make room and repeat the command")


@pytest.mark.parametrize("pages_left", [1, 3, 12])
def test_a_full_disk_under_a_saved_model_is_one_line_and_leaves_the_older_one(tiny, saved_model, tmp_path, pages_left):
    message = export_on_a_full_disk(
        tmp_path, pages_left, saved_model, lambda temporary: write_saved_model(tiny.classifier, temporary)
    )
    assert "No space left on device; " in message
    assert "\n" not in message
