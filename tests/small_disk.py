"""A disk of a few pages, for a test to fill: in a child process, so that mounting it needs no rights."""

import ctypes
import json
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000
PAGE = os.sysconf("SC_PAGE_SIZE")
LONGEST_SECONDS = 60


class NoSmallDisk(Exception):
    """This machine does not allow a user to mount a file system."""


def in_child(function: Callable[[], Any], longest_seconds: int = LONGEST_SECONDS) -> Any:
    """Runs a function in a forked child and returns its result, passed on as JSON; fails if it raises.

    It must not compute with TensorFlow on more than one thread: the parent's threads do not exist in the child.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(longest_seconds)  # Kills it if it hangs.
            os.close(read_end)
            try:
                answer = {"result": function()}
            except NoSmallDisk as error:
                answer = {"skip": str(error)}
            except BaseException:  # noqa: BLE001 -- the parent fails with it
                answer = {"error": traceback.format_exc()}
            with open(write_end, "wb") as file:
                file.write(json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as file:
        content = file.read()
    _, status = os.waitpid(child, 0)
    assert content, f"the child ended with status {status} and said nothing"
    answer = json.loads(content)
    if "skip" in answer:
        pytest.skip(answer["skip"])
    assert "error" not in answer, answer["error"]
    return answer["result"]


def mount_small_disk(folder: Path, pages: int) -> None:
    """Mounts a file system of some pages on a folder, visible only to this process; for a child process."""
    user, group = os.getuid(), os.getgid()
    folder.mkdir(parents=True, exist_ok=True)
    library = ctypes.CDLL(None, use_errno=True)

    def check(status: int) -> None:
        if status:
            reason = os.strerror(ctypes.get_errno())
            raise NoSmallDisk(f"no small file system can be mounted here ({reason}): a full disk is not tried")

    check(library.unshare(CLONE_NEWUSER | CLONE_NEWNS))
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError as error:
        raise NoSmallDisk(f"no small file system can be mounted here ({error}): a full disk is not tried") from None
    check(library.mount(b"none", os.fsencode(folder), b"tmpfs", 0, f"size={pages * PAGE}".encode()))


def fill(disk: Path, pages_left: int) -> Path:
    """Fills a disk except for some pages and returns the file that can be removed to free space."""
    stat = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(bytes(stat.f_bavail * stat.f_bsize - pages_left * PAGE))
    return filler
