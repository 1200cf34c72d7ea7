import json

import pytest
from small_disk import PAGE, fill, in_child, mount_small_disk

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.json_lines import JsonLines

RECORDS = [{"epoch": epoch, "loss": 1 / 3 / epoch} for epoch in (1, 2, 3)]


@pytest.fixture
def lines(tmp_path):
    log = JsonLines(tmp_path / "log.jsonl")
    for record in RECORDS:
        log.append(record)
    return log


def test_what_was_appended_is_read_bit_for_bit(lines):
    assert lines.read() == RECORDS


def test_a_file_that_is_not_there_has_no_records(tmp_path):
    assert JsonLines(tmp_path / "none.jsonl").read() == []
    assert JsonLines(tmp_path / "none.jsonl").keep(lambda record: True) == []
    assert not (tmp_path / "none.jsonl").exists()


def test_a_line_cut_off_by_a_kill_is_left_out(lines):
    content = lines.path.read_bytes()
    lines.path.write_bytes(content[:-5])
    assert lines.read() == RECORDS[:2]


def test_cutting_back_gives_the_same_bytes_as_never_having_gone_on(lines, tmp_path):
    other = JsonLines(tmp_path / "other.jsonl")
    for record in RECORDS[:2]:
        other.append(record)
    assert lines.keep(lambda record: record["epoch"] <= 2) == RECORDS[:2]
    assert lines.path.read_bytes() == other.path.read_bytes()


def test_damage_inside_is_an_error(lines):
    lines.path.write_text("{broken\n" + lines.path.read_text())
    with pytest.raises(StorageError, match="damaged line"):
        lines.read()


def test_not_a_number_is_refused_and_nothing_is_written(lines):
    before = lines.path.read_bytes()
    with pytest.raises(ValueError, match="JSON compliant"):
        lines.append({"loss": float("nan")})
    assert lines.path.read_bytes() == before


def test_an_unwritable_file_is_one_line(tmp_path):
    with pytest.raises(StorageError, match=r"log\.jsonl could not be written: No such file"):
        JsonLines(tmp_path / "no folder" / "log.jsonl", pause=lambda seconds: None).append({})


@pytest.mark.parametrize("torn", ['{"epo', '{"epoch": 1}\n{"epo', '{"epoch": 1}\n'])
def test_a_line_after_one_that_was_cut_off_is_not_swallowed(tmp_path, torn):
    path = tmp_path / "log"
    path.write_text(torn)
    before = JsonLines(path).read()
    JsonLines(path).append({"epoch": 2})
    assert JsonLines(path).read() == [*before, {"epoch": 2}]


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[" * 100_000, b"9" * 5000, b"NaN,"])
def test_a_line_that_is_no_record_is_one_line(tmp_path, line):
    path = tmp_path / "log"
    path.write_bytes(line + b"\n{}\n")
    with pytest.raises(StorageError, match="damaged line"):
        JsonLines(path).read()


def test_a_new_file_s_name_is_durable_and_each_line_is(tmp_path, disk_calls):
    log = JsonLines(tmp_path / "log")
    log.append({})
    assert disk_calls == [("sync", "log"), ("sync", tmp_path.name)]
    log.append({})
    assert disk_calls[2:] == [("sync", "log")]


LONG = {"epoch": 2, "text": "x" * PAGE}
LONG_BYTES = len(json.dumps(LONG)) + 1


def on_a_full_disk(tmp_path, tries_without_room):
    """Writes a line, fills the disk, and writes one that does not fit; some tries later, space is freed."""

    def fill_and_append():
        disk = tmp_path / "disk"
        mount_small_disk(disk, pages=16)
        pauses = []

        def pause(seconds):
            pauses.append(seconds)
            if len(pauses) == tries_without_room:
                filler.unlink()

        log = JsonLines(disk / "log.jsonl", pause)
        log.append({"epoch": 1})
        filler = fill(disk, pages_left=0)
        try:
            log.append(LONG)
        except StorageError as error:
            return [str(error), len(pauses), log.path.read_text()]
        log.append({"epoch": 3})
        return ["", len(pauses), log.path.read_text()]

    return in_child(fill_and_append)


def test_a_full_disk_is_one_line_after_three_tries_and_leaves_the_lines_before(tmp_path):
    message, pauses, content = on_a_full_disk(tmp_path, tries_without_room=3)
    assert message == (
        f"{tmp_path / 'disk' / 'log.jsonl'} could not be written: No space left on device; at least {LONG_BYTES} bytes "
        "are needed, 0 are free; make room and repeat the command"
    )
    assert pauses == 2
    assert content == '{"epoch": 1}\n'


@pytest.mark.parametrize("tries", [1, 2])
def test_with_room_made_between_two_tries_each_line_is_there_once(tmp_path, tries):
    message, pauses, content = on_a_full_disk(tmp_path, tries)
    assert (message, pauses) == ("", tries)
    assert [json.loads(line) for line in content.splitlines()] == [{"epoch": 1}, LONG, {"epoch": 3}]
