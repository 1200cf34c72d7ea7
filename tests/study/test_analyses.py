import pandas as pd

from eoinas_tf.study import analyses
from eoinas_tf.study.analyses import ANALYSES, all_tables, csv_text, write_analyses


def test_a_report_shows_every_table_and_every_picture(results, tmp_path, monkeypatch):
    # Drawing them takes long; one is drawn below.
    monkeypatch.setattr(analyses, "figure_to_png", lambda figure, dots_per_inch: figure.__class__.__name__.encode())
    paths = write_analyses(results, tmp_path, "A study")
    report = (tmp_path / "report.md").read_text()
    assert report.startswith("# A study\n")
    for name, analysis in ANALYSES.items():
        assert (f"## {analysis.title}\n" in report) == (name != "scales")  # There is only one scale.
    pictures = [path for path in paths if path.suffix == ".png"]
    assert len(pictures) == len(set(pictures)) == 19
    for path in pictures:
        assert path.read_bytes() == b"Figure"
        assert f"(pictures/{path.name})" in report
    tables = [path for path in paths if path.suffix == ".csv"]
    assert {path.stem for path in tables} == set(all_tables(results))


def test_one_analysis_writes_its_own_files_only(results, tmp_path):
    paths = write_analyses(results, tmp_path, "", ["counts"])
    assert [path.name for path in paths] == ["operation_counts.csv", "operation_counts.png"]
    assert paths[1].read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "report.md").exists()


def test_numbers_have_ten_digits():
    assert csv_text(pd.DataFrame({"a": [1 / 3], "b": [2]})) == "a,b\n0.3333333333,2\n"
