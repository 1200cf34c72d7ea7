"""Pages; and the committed ones follow from the CSV files beside them."""

from pathlib import Path

import pandas as pd
import pytest

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.study import analyses
from eoinas_tf.study.analyses import ANALYSES, csv_text
from eoinas_tf.study.gathered_results import COLUMNS, Results
from eoinas_tf.study.results_page import BESIDE, ELSEWHERE, FRAGMENT, PAGE, read_source, render_page, write_page

PAGES = sorted(path.parent for path in (Path(__file__).parents[2] / "docs" / "results").glob(f"*/{FRAGMENT}"))
TABLES = {
    "comparison": pd.DataFrame(
        {"scale": ["main", "main", "small"], "contestant": ["a", "b", "a"], "mean": [71.234, 70.0, 60.0]}
    )
}


def test_prose_stays_and_figures_come_from_the_tables():
    page = render_page(
        "It is {{value comparison mean scale=main contestant=a}} %.\n"
        "{{table comparison scale=main columns=contestant,mean}}\n"
        '{{picture accuracy "all points"}}',
        TABLES,
    )
    assert page == (
        "It is 71.23 %.\n| contestant | test accuracy, mean (%) |\n| --- | ---: |\n| a | 71.23 |\n| b | 70.00 |\n"
        "![all points](pictures/accuracy.png)"
    )


@pytest.mark.parametrize(
    ("fragment", "message"),
    [
        ("{{table other}}", "there is no table other, only comparison"),
        ("{{value comparison mean}}", "must name a column and a single row. Received: mean, 3 rows"),
        ("{{value comparison median scale=small}}", "Received: median, 1 rows"),
        ("{{table comparison colour=red}}", "colour=red fits no column of scale, contestant, mean"),
        ("{{table comparison scale=large}}", "no row fits"),
        ("{{graph comparison}}", "must begin with table, value or picture. Received: graph"),
        ("{{table}}", "is no placeholder"),
    ],
)
def test_what_there_is_not_is_refused(fragment, message):
    with pytest.raises(ConfigurationError) as caught:
        render_page(fragment, TABLES)
    assert message in str(caught.value)


def test_a_page_is_written_with_its_tables_and_pictures(results, tmp_path, monkeypatch):
    for name in [name for name in ANALYSES if name not in ("comparison", "drops")]:
        monkeypatch.delitem(ANALYSES, name)
    # Drawing the pictures takes long, and the tests of the analyses cover it.
    monkeypatch.setattr(analyses, "figure_to_png", lambda figure, dots_per_inch: b"picture")
    results.write(tmp_path)
    with pytest.raises(ConfigurationError, match=r"page\.md: No such file"):
        write_page(tmp_path)
    (tmp_path / FRAGMENT).write_text("{{table noise}}\n{{picture no_such}}")
    with pytest.raises(ConfigurationError, match="no picture no_such; there are "):
        write_page(tmp_path)
    assert not (tmp_path / PAGE).exists()
    (tmp_path / FRAGMENT).write_text("{{table noise}}\n{{picture drops}}")
    assert tmp_path / "pictures" / "drops.png" in write_page(tmp_path)
    assert BESIDE in (tmp_path / PAGE).read_text().splitlines()[0]
    assert "| main | short | 1.41 |" in (tmp_path / PAGE).read_text()


def test_a_page_about_several_folders_has_no_tables_of_its_own(results, tmp_path):
    for scale in ("small", "main"):
        part = {name: getattr(results, name).assign(scale=scale) for name in COLUMNS}
        Results(**part).write(tmp_path / scale)
    page = tmp_path / "page"
    page.mkdir()
    (page / FRAGMENT).write_text("{{from recipes scales ../small ../main}}\n\n# Both\n")
    source = read_source(page)
    assert (source.fragment, source.analyses) == ("# Both\n", ["recipes", "scales"])
    assert set(source.results.trainings["scale"]) == {"small", "main"}
    notice, title = source.page(source.tables()).splitlines()
    assert ELSEWHERE in notice
    assert title == "# Both"
    for text in ("{{from ../small}}", "{{from scales}}"):
        (page / FRAGMENT).write_text(text)
        with pytest.raises(ConfigurationError, match=r"must name analyses .*scales.*, then folders"):
            read_source(page)


@pytest.mark.parametrize("folder", PAGES, ids=lambda path: path.name)
def test_committed_tables_and_pages_follow_from_the_committed_csv(folder):
    source = read_source(folder)
    tables = source.tables()
    assert {path.stem for path in (folder / "tables").glob("*.csv")} == set(tables)
    for name, table in tables.items():
        assert (folder / "tables" / f"{name}.csv").read_text() == csv_text(table), name
    assert (folder / PAGE).read_text() == source.page(tables)


def test_a_page_is_committed():
    assert PAGES
