import os
import re
import resource

import pytest
from small_disk import PAGE, fill, in_child, mount_small_disk

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment import atomic_files
from eoinas_tf.experiment.atomic_files import make_folder, write_bytes, write_json, write_text
from eoinas_tf.experiment.write_failures import free_bytes


def test_content_is_durable_before_the_name_and_the_name_before_the_return(tmp_path, disk_calls):
    write_text(tmp_path / "file", "text")
    assert disk_calls == [("sync", "file.tmp"), ("rename", "file.tmp", "file"), ("sync", tmp_path.name)]
    assert (tmp_path / "file").read_text() == "text"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_s_name_is_durable_and_so_are_those_of_the_folders_above_it(tmp_path, disk_calls):
    make_folder(tmp_path / "a" / "b")
    assert sorted(disk_calls) == sorted([("sync", "a"), ("sync", tmp_path.name)])
    disk_calls.clear()
    make_folder(tmp_path / "a" / "b")
    assert disk_calls == []
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/below could not be written: Not a directory; \d+ bytes are free$"):
        make_folder(tmp_path / "file" / "below")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_text(tmp_path / "file", "old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(StorageError, match="file could not be written: No space left on device"):
        write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_on_a_full_disk_the_old_file_stays_and_the_space_is_given_back(tmp_path):
    """As for genotype.json, summary.json and the pictures."""

    def fill_and_write():
        disk = tmp_path / "disk"
        mount_small_disk(disk, pages=16)
        write_text(disk / "file", "old")
        filler = fill(disk, pages_left=2)
        with pytest.raises(StorageError) as error:
            write_bytes(disk / "file", bytes(3 * PAGE))
        state = [(disk / "file").read_text(), sorted(os.listdir(disk)), free_bytes(disk)]
        filler.unlink()
        write_bytes(disk / "file", bytes(3 * PAGE))
        return [str(error.value), state, (disk / "file").stat().st_size]

    message, state, size = in_child(fill_and_write)
    assert message == (
        f"{tmp_path / 'disk' / 'file'} could not be written: No space left on device; at least {3 * PAGE} bytes are "
        f"needed, {2 * PAGE} are free; make room and repeat the command"
    )
    assert state == ["old", ["file", "filler"], 2 * PAGE]
    assert size == 3 * PAGE


def test_a_file_larger_than_it_may_be_is_one_line_too(tmp_path):
    write_text(tmp_path / "file", "old")

    def limit_and_write():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with pytest.raises(StorageError) as error:
            write_bytes(tmp_path / "file", bytes(101))
        return str(error.value)

    assert re.search(
        r"file could not be written: File too large; at least 101 bytes are needed, \d+ are free$",
        in_child(limit_and_write),
    )
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_json_refuses_what_json_does_not_know(tmp_path):
    write_json(tmp_path / "file.json", {"value": [1, None]})
    assert (tmp_path / "file.json").read_text() == '{\n  "value": [\n    1,\n    null\n  ]\n}\n'
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "file.json", {"value": float("nan")})
