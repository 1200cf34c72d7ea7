import errno
import logging
import os
import shutil
from types import SimpleNamespace

import pytest
import tensorflow as tf

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.write_failures import (
    PAUSE_SECONDS,
    failure_line,
    free_bytes,
    repeat_failed_writes,
    write_failure,
)  # fmt: skip


class Disk:
    """Free space as a test sets it."""

    def __init__(self, free):
        self.free = free

    def __call__(self, path):
        os.stat(path)
        return SimpleNamespace(free=self.free)


@pytest.fixture(autouse=True)
def disk(monkeypatch):
    disk = Disk(7)
    monkeypatch.setattr(shutil, "disk_usage", disk)
    return disk


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_the_line_names_the_path_the_reason_and_what_is_missing(tmp_path):
    path = tmp_path / "summary.json"
    assert failure_line(path, FULL, needed=12) == (
        f"{path} could not be written: No space left on device; at least 12 bytes are needed, 7 are free; make room "
        "and repeat the command"
    )
    assert failure_line(path, OSError(errno.EIO, "Input/output error"), kind="the export to") == (
        f"the export to {path} could not be written: Input/output error; 7 bytes are free"
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (tf.errors.ResourceExhaustedError(None, None, "file; No space left on device\nmore"), "file; No space left on"),
        (tf.errors.OutOfRangeError(None, None, "file; File too large"), "file; File too large;"),
        (OSError("no number"), "no number;"),
        (ValueError(), "ValueError;"),
    ],
)
def test_every_error_has_a_reason_of_one_line(tmp_path, error, reason):
    line = failure_line(tmp_path / "file", error)
    assert f"could not be written: {reason}" in line
    assert "\n" not in line
    assert ("make room" in line) == ("No space" in reason)


def test_it_is_the_error_of_storage(tmp_path):
    error = write_failure(tmp_path / "file", FULL, needed=12)
    assert isinstance(error, StorageError)
    assert str(error) == failure_line(tmp_path / "file", FULL, needed=12)


def test_free_bytes_are_those_of_the_nearest_folder_there_is(tmp_path, monkeypatch):
    assert free_bytes(tmp_path / "neither" / "this" / "nor that") == 7

    def unknown(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", unknown)
    assert free_bytes(tmp_path) is None
    assert failure_line(tmp_path, FULL).endswith("No space left on device; make room and repeat the command")


@pytest.mark.parametrize("failures", [0, 1, 2, 3])
def test_it_is_the_third_failure_that_counts(failures, caplog):
    tries, pauses = [], []

    def write():
        tries.append(len(tries))
        if len(tries) <= failures:
            raise StorageError(f"full {len(tries)}")

    caplog.set_level(logging.WARNING)
    if failures == 3:
        with pytest.raises(StorageError, match="full 3"):
            repeat_failed_writes(write, pauses.append)
    else:
        repeat_failed_writes(write, pauses.append)
    assert len(tries) == min(failures + 1, 3)
    assert pauses == [PAUSE_SECONDS] * min(failures, 2)
    assert [record.getMessage() for record in caplog.records] == [
        f"full {number}; trying again in 5 seconds" for number in range(1, min(failures, 2) + 1)
    ]


def test_another_error_is_not_tried_again():
    tries = []

    def write():
        tries.append(1)
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        repeat_failed_writes(write, lambda seconds: None)
    assert len(tries) == 1
