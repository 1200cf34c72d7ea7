"""The search's real command on a disk that fills up: it ends with one line, or goes on if space is freed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_disk import PAGE, fill, in_child, mount_small_disk

ROOT = Path(__file__).parents[2]
SETTINGS = [
    "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=256", "--epochs=4", "--warmup_epochs=1",
    "--pruning_after_epoch=2", "--pruning_every_epochs=1", "--crop_padding=1", "--nohorizontal_flip",
]  # fmt: skip
RESULTS = ("genotype.json", "metrics.jsonl", "pruning.jsonl", "summary.json")
DISK_PAGES = 2**14

pytestmark = pytest.mark.slow


def start(folder):
    command = [sys.executable, str(ROOT / "run_search.py"), *SETTINGS, f"--run_dir={folder}"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def results(folder):
    return {name: (folder / name).read_text() for name in RESULTS}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The files of an uninterrupted search, and the pages that one of its checkpoints takes."""
    folder = tmp_path_factory.mktemp("search") / "uninterrupted"
    process = start(folder)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    newest = max((folder / "checkpoints").iterdir())
    return results(folder), sum(-(-path.stat().st_size // PAGE) for path in newest.iterdir())


def search_on_a_full_disk(tmp_path, checkpoint_pages, is_room_made):
    """Runs the search with space for one checkpoint and a half; returns exit statuses, first error lines and results.

    Space is freed after the first failed attempt, or else after the search's end, and then it is run again.
    """

    def fill_and_search():
        disk = tmp_path / "disk"
        mount_small_disk(disk, DISK_PAGES)
        filler = fill(disk, checkpoint_pages + checkpoint_pages // 2)
        process = start(disk / "run")
        lines = []
        for line in process.stderr:
            lines.append(line.rstrip("\n"))
            if is_room_made and "trying again" in line:
                os.truncate(filler, 0)
        statuses = [process.wait()]
        if not is_room_made:
            filler.unlink()
            process = start(disk / "run")
            process.communicate()
            statuses.append(process.returncode)
        return [statuses, lines, results(disk / "run")]

    return in_child(fill_and_search, longest_seconds=600)


def test_a_full_disk_ends_the_search_with_one_line_and_the_same_command_continues_it(uninterrupted, tmp_path):
    expected, checkpoint_pages = uninterrupted
    statuses, lines, found = search_on_a_full_disk(tmp_path, checkpoint_pages, is_room_made=False)
    assert statuses == [5, 0]
    (line,) = (line for line in lines if line.startswith("error: "))
    assert f"checkpoint {tmp_path / 'disk' / 'run' / 'checkpoints'}" in line
    assert "No space left on device" in line
    assert line.endswith("are free; make room and repeat the command")
    assert sum("trying again in 5 seconds" in line for line in lines) == 2
    assert not any("Traceback" in line for line in lines)
    assert found == expected


def test_the_search_goes_on_where_room_is_made(uninterrupted, tmp_path):
    expected, checkpoint_pages = uninterrupted
    statuses, lines, found = search_on_a_full_disk(tmp_path, checkpoint_pages, is_room_made=True)
    assert statuses == [0], lines
    assert sum("trying again in 5 seconds" in line for line in lines) == 1
    assert found == expected
