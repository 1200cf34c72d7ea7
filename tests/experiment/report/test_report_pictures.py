import base64
import dataclasses

from small_runs import write_search

from eoinas_tf.experiment.report import report_pictures
from eoinas_tf.experiment.report.report_pictures import (
    cell_pictures,
    confusion_pictures,
    curve_pictures,
    data_address,
    draw_side_by_side,
    drop_pictures,
    score_pictures,
)
from eoinas_tf.experiment.report.run_record import read_run


def content(picture):
    head, _, text = picture.address.partition(",")
    return head, base64.b64decode(text)


def test_pictures_are_drawn_from_the_records(search, training):
    record = read_run(search)
    for draw, titles in (
        (cell_pictures, ["normal cell", "reduction cell"]),
        (curve_pictures, ["curves over the epochs"]),
        (drop_pictures, ["epoch at whose end each operation was dropped"]),
    ):
        pictures = draw(record)
        assert [picture.title for picture in pictures] == titles
        for picture in pictures:
            head, svg = content(picture)
            assert head == "data:image/svg+xml;base64"
            assert b"</svg>" in svg
    assert len(score_pictures(record)) == 2
    assert len(curve_pictures(read_run(training))) == 1
    assert score_pictures(read_run(training)) == drop_pictures(read_run(training)) == []


def test_what_the_run_drew_is_taken_as_svg_or_as_png_where_that_is_large(tmp_path, monkeypatch):
    folder = write_search(tmp_path / "run")
    (folder / "plots").mkdir()
    (folder / "plots" / "training.svg").write_bytes(b"<svg/>")
    (folder / "plots" / "training.png").write_bytes(b"\x89PNG")
    record = read_run(folder)
    assert content(curve_pictures(record)[0]) == ("data:image/svg+xml;base64", b"<svg/>")
    monkeypatch.setattr(report_pictures, "LARGEST_SVG_BYTES", 5)
    assert content(curve_pictures(record)[0]) == ("data:image/png;base64", b"\x89PNG")


def test_a_method_that_trains_nothing_has_cells_only(tmp_path):
    folder = write_search(tmp_path / "run", method="random", drops=False, score="probability")
    (folder / "metrics.jsonl").unlink()
    record = read_run(folder)
    assert len(cell_pictures(record)) == 2
    assert curve_pictures(record) == score_pictures(record) == drop_pictures(record) == []


def test_photographs_are_told_from_drawings(training, search):
    matrix, worst = confusion_pictures(read_run(training))
    assert (matrix.is_photo, worst.is_photo) == (False, True)
    assert content(worst) == ("data:image/png;base64", b"\x89PNG")
    assert confusion_pictures(read_run(search)) == []
    assert data_address(b"a", ".png") == "data:image/png;base64,YQ=="


def test_curves_of_runs_side_by_side(search, training):
    records = [read_run(search), read_run(training), read_run(search)]
    searches, trainings = draw_side_by_side(records, ["_a", "$b", "c"])
    assert [text.get_text() for text in searches.axes[0].get_legend().get_texts()] == ["_a", "c"]
    assert [text.get_text() for text in trainings.axes[0].get_legend().get_texts()] == ["$b"]
    validated = [{"epoch": line["epoch"], "validation_accuracy": 0.5} for line in records[1].metrics]
    records[1] = dataclasses.replace(records[1], metrics=validated)
    _, validations = draw_side_by_side(records, ["a", "$b", "c"])
    assert validations.axes[0].get_title() == "trainings: validation accuracy (fraction)"
    looks = {(line.get_color(), line.get_linestyle()) for line in searches.axes[0].lines}
    assert len(looks) == 2
