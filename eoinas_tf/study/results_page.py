"""A page of results: prose from a committed fragment, with all figures from the committed CSV files.

In the fragment, `page.md`, `{{...}}` stands for something from a table:

    {{table NAME}}                              a table, such as `comparison`
    {{table NAME scale=main columns=a,b}}       its rows with this value, these columns of it
    {{value NAME COLUMN contestant=random}}     the value of the only row that fits
    {{picture NAME "what it shows"}}            a picture

A page about several folders has no CSV files of its own. It begins with the analyses that it needs and the folders:

    {{from scales ../cifar10_small ../cifar10_main}}
"""

import itertools
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.atomic_files import write_text
from eoinas_tf.study.analyses import ANALYSES, all_tables, write_analyses
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.markdown_table import cell_text, markdown_table

FRAGMENT, PAGE = "page.md", "README.md"
NOTICE = "<!-- Made from page.md and {} by `python -m eoinas_tf.study page`; change those. -->\n"
BESIDE, ELSEWHERE = "the CSV files beside it", "the CSV files of the folders that it names"
PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
SOURCE = re.compile(r"\A\{\{from (.*?)\}\}\s*")


class PageSource(NamedTuple):
    """What a page is made from.

    Args:
        fragment: The prose with its placeholders.
        results: The tables of its CSV files.
        analyses: Names of the analyses whose tables and pictures belong to the page.
        notice: A comment for the page that says what it is made from.
    """

    fragment: str
    results: Results
    analyses: list[str]
    notice: str = NOTICE.format(BESIDE)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Returns the tables of the page's analyses."""
        return all_tables(self.results, self.analyses)

    def page(self, tables: Mapping[str, pd.DataFrame]) -> str:
        """Returns the page with the figures of its tables; see `render_page`."""
        return self.notice + render_page(self.fragment, tables)


def write_page(folder: Path) -> list[Path]:
    """Writes the page, its tables and its pictures.

    Args:
        folder: Holds `page.md` and, unless that names other folders, the CSV files that `Results.write` writes.

    Returns:
        The files.

    Raises:
        ConfigurationError: A file is missing, or the fragment refers to something that does not exist.
    """
    source = read_source(folder)
    page = source.page(source.tables())
    paths = write_analyses(source.results, folder, "", source.analyses)
    pictures = {path.stem for path in paths if path.suffix == ".png"}
    for name in re.findall(r"\]\(pictures/([^)]+)\.png\)", page):
        if name not in pictures:
            raise ConfigurationError(f"{folder / FRAGMENT}: no picture {name}; there are {', '.join(sorted(pictures))}")
    write_text(folder / PAGE, page)
    return [*paths, folder / PAGE]


def read_source(folder: Path) -> PageSource:
    """Returns what a page is made from.

    Args:
        folder: The page's folder.

    Raises:
        ConfigurationError: There is no prose, a CSV file is missing, or an analysis is unknown.
    """
    try:
        fragment = (folder / FRAGMENT).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder / FRAGMENT}: {error.strerror}; it holds the prose of the page") from None
    source = SOURCE.match(fragment)
    if source is None:
        return PageSource(fragment, Results.read(folder), list(ANALYSES))
    words = source[1].split()
    names = list(itertools.takewhile(lambda word: word in ANALYSES, words))
    if not names or len(names) == len(words):
        raise ConfigurationError(
            f"{folder / FRAGMENT}: {source[0].strip()} must name analyses ({', '.join(ANALYSES)}), then folders"
        )
    results = Results.joined([Results.read(folder / part) for part in words[len(names) :]])
    return PageSource(fragment[source.end() :], results, names, NOTICE.format(ELSEWHERE))


def render_page(fragment: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """Returns the prose of a page with its figures.

    Args:
        fragment: The prose with its placeholders.
        tables: All tables by name.

    Raises:
        ConfigurationError: A placeholder names a table, a column or a row that does not exist.
    """
    return PLACEHOLDER.sub(lambda found: _replaced(found[1].strip(), tables), fragment)


def _replaced(text: str, tables: Mapping[str, pd.DataFrame]) -> str:
    try:
        kind, name, *words = shlex.split(text)
    except ValueError:
        raise ConfigurationError(
            f"page: {{{{{text}}}}} is no placeholder: table, value or picture, and a name"
        ) from None
    if kind == "picture":
        return f"![{' '.join(words)}](pictures/{name}.png)"
    if kind not in ("table", "value"):
        raise ConfigurationError(f"page: {{{{{text}}}}} must begin with table, value or picture. Received: {kind}")
    if name not in tables:
        raise ConfigurationError(f"page: {{{{{text}}}}}: there is no table {name}, only {', '.join(tables)}")
    column = words.pop(0) if kind == "value" and words else ""
    table, columns = _rows(text, tables[name], words)
    if kind == "table":
        return markdown_table(table[columns] if columns else table)
    if column not in table.columns or len(table) != 1:
        raise ConfigurationError(
            f"page: {{{{{text}}}}} must name a column and a single row. Received: {column or 'no column'}, "
            f"{len(table)} rows"
        )
    return cell_text(table.iloc[0][column], column)


def _rows(text: str, table: pd.DataFrame, words: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Returns the rows that all `column=value` words accept, and the requested columns."""
    columns: list[str] = []
    for word in words:
        key, sign, value = word.partition("=")
        wanted = value.split(",") if key == "columns" else [key]
        if not sign or not set(wanted) <= set(table.columns):
            raise ConfigurationError(f"page: {{{{{text}}}}}: {word} fits no column of {', '.join(table.columns)}")
        if key == "columns":
            columns = wanted
        else:
            table = table[table[key].astype(str) == value]
    if table.empty:
        raise ConfigurationError(f"page: {{{{{text}}}}}: no row fits")
    return table, columns
