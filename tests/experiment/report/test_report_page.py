import dataclasses
import html.parser
import json
import re
import shutil

import pytest
from small_runs import HOSTILE, write_search

from eoinas_tf.experiment.report.report_page import run_title, write_report
from eoinas_tf.experiment.report.run_record import read_run

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(html.parser.HTMLParser):
    """Checks that elements are closed correctly, and gathers elements, addresses and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.text = [], set(), [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action")]
        assert not [name for name, _ in attributes if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data


@pytest.fixture(scope="module")
def pages(search, training):
    return {folder.name: write_report(folder).read_text(encoding="utf-8") for folder in (search, training)}


@pytest.mark.parametrize("name", ["search", "training"])
def test_a_page_needs_nothing_else_and_runs_nothing(pages, name):
    page = Page(pages[name])
    assert not page.tags & {"script", "link", "iframe", "object", "svg", "form"}
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert not re.search(r"https?://|@import|url\(", re.sub(r'"data:[^"]*"', "", pages[name]))
    assert "default-src 'none'" in pages[name]
    assert HOSTILE in page.text
    assert "<script" not in pages[name]


def test_the_page_of_a_search_tells_what_happened(pages):
    text = Page(pages["search"]).text
    for words in (
        "eoinas search on digits", "62.50 %", "The cells", "Curves", "Score: the score S",
        "What was dropped, when and why",
        "the lowest of its edge; next: none 0.2500", "Edges won by none or the identity",
        "eoinas_tf search", "eoinas_tf eval",
        "batch_size", "all 2 classes", "python",
    ):  # fmt: skip
        assert words in text
    assert "Confusions" not in text


def test_the_page_of_a_training_tells_what_happened(pages):
    text = Page(pages["training"]).text
    for words in (
        "Training on digits: DARTS_V2",
        "75.00 %",
        "130 k",
        "Confusions",
        "eoinas_tf eval",
        "eoinas_tf predict",
    ):
        assert words in text
    for words in ("Score", "dropped", "Edges won"):
        assert words not in text


@pytest.mark.parametrize(
    ("method", "score", "trains"),
    [("gdas", "operation_weight", True), ("mdenas", "probability", True), ("random", "probability", False)],
)
def test_a_method_without_drops_or_without_training_has_a_page_without_them(tmp_path, method, score, trains):
    folder = write_search(tmp_path / "run", method=method, drops=False, score=score)
    if not trains:
        (folder / "metrics.jsonl").unlink()
        (folder / "timing.jsonl").unlink()
        (folder / "summary.json").write_text('{"validation_accuracy": null, "warnings": []}')
    text = Page(write_report(folder).read_text(encoding="utf-8")).text
    assert f"{method} {'search' if trains else 'cell'}" in text
    assert "What was dropped" not in text
    assert ("Curves" in text) == trains
    assert "Score" in text


def test_a_run_of_an_earlier_version_has_a_page_of_what_it_holds(search, tmp_path):
    folder = shutil.copytree(search, tmp_path / "run")
    for name in ("final_evidence.json", "environment.json", "dataset.json", "timing.jsonl", "report.html"):
        (folder / name).unlink(missing_ok=True)
    text = Page(write_report(folder).read_text(encoding="utf-8")).text
    assert "What was dropped, when and why" in text
    assert "Images and machine" not in text


def test_the_same_folder_gives_the_same_bytes(search):
    assert write_report(search).read_bytes() == write_report(search).read_bytes()


def test_titles(search, training):
    assert run_title(read_run(search)) == "eoinas search on digits"
    drawn = dataclasses.replace(read_run(search), metrics=[])
    assert run_title(drawn) == "eoinas search on digits"
    assert run_title(dataclasses.replace(drawn, summary={"validation_accuracy": None})) == "eoinas cell"
    record = read_run(training)
    assert run_title(record) == "Training on digits: DARTS_V2"
    found = dataclasses.replace(record, settings={**record.settings, "genotype": "runs/a/genotype.json"}, metrics=[])
    assert run_title(found) == f"Test on digits: cells of {HOSTILE}"


def test_the_page_of_a_run_on_arrays_shows_no_command_of_it(tmp_path):
    folder = write_search(tmp_path / "search")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "dataset": "arrays"}))
    text = write_report(folder).read_text(encoding="utf-8")
    assert "This run was started from Python" in text
    assert "--dataset=arrays" not in text
