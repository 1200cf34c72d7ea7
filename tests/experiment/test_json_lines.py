import pytest

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
        JsonLines(tmp_path / "no folder" / "log.jsonl").append({})


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
