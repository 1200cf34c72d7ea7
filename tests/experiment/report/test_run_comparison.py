from pathlib import Path

import pytest
from small_runs import HOSTILE, write_search

from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.report.run_comparison import short_names, write_comparison


def test_runs_stand_side_by_side_with_what_differs(search, training, tmp_path):
    other = write_search(tmp_path / "<b>other</b>", seed=5)
    page = tmp_path / "page.html"
    for _ in range(2):  # A page of ours is replaced.
        write_comparison([search, other, training], page)
    text = page.read_text(encoding="utf-8")
    assert "3 runs side by side" in text
    assert "62.50 %" in text
    assert "75.00 %" in text
    assert "&lt;b&gt;other&lt;/b&gt;" in text
    assert "<b>" not in text
    assert "<script" not in text
    differing = text.partition("Settings that differ")[2]
    assert "<th>split_seed</th><td>0</td><td>5</td>" in differing
    assert "<th>horizontal_flip</th>" not in differing
    assert text.count("<img") == 2 + 3 * 2
    assert "skip_connect in the normal cell</th><td>4</td><td>4</td><td>4</td>" in text
    assert HOSTILE not in text


def test_equal_settings_are_said_to_be_equal(search, tmp_path):
    write_comparison([search, search], tmp_path / "page.html")
    assert "<p>None.</p>" in (tmp_path / "page.html").read_text()


def test_a_file_of_someone_else_is_left_alone(search, tmp_path):
    page = tmp_path / "notes.html"
    page.write_text("mine")
    with pytest.raises(RunDirectoryError, match=r"notes\.html exists and is no page that this command wrote"):
        write_comparison([search, search], page)
    assert page.read_text() == "mine"
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        write_comparison([search, search], tmp_path)


def test_names_lose_what_they_share():
    assert short_names([Path("runs/a/x"), Path("runs/a/y"), Path("runs/b")]) == ["a/x", "a/y", "b"]
    assert short_names([Path("runs/a"), Path("runs/a")]) == ["a", "a"]
