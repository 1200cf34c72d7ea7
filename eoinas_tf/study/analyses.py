"""The analyses by name, and the writing of their tables and pictures."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from eoinas_tf.experiment.atomic_files import make_folder, write_bytes, write_text
from eoinas_tf.experiment.figure_files import figure_to_png
from eoinas_tf.study.comparison import comparison_pictures, comparison_tables
from eoinas_tf.study.contestant_differences import difference_pictures, difference_tables
from eoinas_tf.study.decision_agreement import decision_pictures, decision_tables
from eoinas_tf.study.derived_accuracy import drop_pictures, drop_tables, ranking_pictures, ranking_tables
from eoinas_tf.study.found_cells import cell_pictures, cell_tables
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.markdown_table import markdown_table
from eoinas_tf.study.operation_correlation import correlation_pictures, correlation_tables
from eoinas_tf.study.operation_counts import count_pictures, count_tables
from eoinas_tf.study.recipe_agreement import agreement_pictures, agreement_tables
from eoinas_tf.study.scale_agreement import scale_pictures, scale_tables
from eoinas_tf.study.supernet_correlation import supernet_pictures, supernet_tables
from eoinas_tf.study.weight_distribution import distribution_pictures, distribution_tables

DOTS_PER_INCH = 90


class Analysis(NamedTuple):
    """An analysis of a study's tables.

    Args:
        title: Heading of its tables.
        tables: Returns its tables by file name.
        pictures: Returns its pictures likewise.
    """

    title: str
    tables: Callable[[Results], dict[str, pd.DataFrame]]
    pictures: Callable[[Results], dict[str, Figure]]


ANALYSES = {
    "comparison": Analysis("Comparison (Tables 1 to 3)", comparison_tables, comparison_pictures),
    "differences": Analysis("Differences between methods, and luck", difference_tables, difference_pictures),
    "figure1": Analysis("Candidates of one edge (Figures 1 and 2c)", correlation_tables, correlation_pictures),
    "figure5": Analysis("Distribution of beta (Figures 4 and 5)", distribution_tables, distribution_pictures),
    "figure6": Analysis("Found cells (Figures 6 and 7)", cell_tables, cell_pictures),
    "supernet": Analysis("Super network against stand-alone accuracy", supernet_tables, supernet_pictures),
    "counts": Analysis("Identity and none by epoch", count_tables, count_pictures),
    "drops": Analysis("The derived cell over the drops", drop_tables, drop_pictures),
    "edges": Analysis("Ranking of edges after the last drop", ranking_tables, ranking_pictures),
    "decisions": Analysis("What other rules would have dropped", decision_tables, decision_pictures),
    "recipes": Analysis("Agreement of recipes", agreement_tables, agreement_pictures),
    "scales": Analysis("Agreement of scales", scale_tables, scale_pictures),
}


def all_tables(results: Results, names: Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
    """Returns the tables of analyses by file name; those without data are left out.

    Args:
        results: The study's tables.
        names: The analyses; None for all.
    """
    tables: dict[str, pd.DataFrame] = {}
    for name in names or ANALYSES:
        tables |= {key: table for key, table in ANALYSES[name].tables(results).items() if not table.empty}
    return tables


def csv_text(table: pd.DataFrame) -> str:
    """Returns a table as CSV; all machines agree on ten digits."""
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, float_format="%.10g", lineterminator="\n")
    return buffer.getvalue()


def write_analyses(results: Results, folder: Path, title: str, names: Sequence[str] | None = None) -> list[Path]:
    """Writes tables to `tables/`, pictures to `pictures/` and, for all analyses, `report.md` with both.

    Args:
        results: The study's tables.
        folder: The target.
        title: Title of the report.
        names: The analyses; None for all, and the report.

    Returns:
        The files; an analysis without data has none.
    """
    for part in ("tables", "pictures"):
        make_folder(folder / part)
    paths, lines = [], [f"# {title}", ""]
    for name in names or ANALYSES:
        tables, pictures = all_tables(results, [name]), ANALYSES[name].pictures(results)
        if tables or pictures:
            lines += [f"## {ANALYSES[name].title}", ""]
        for key, table in tables.items():
            paths.append(folder / "tables" / f"{key}.csv")
            write_text(paths[-1], csv_text(table))
            lines += [markdown_table(table), ""]
        for key, figure in pictures.items():
            paths.append(folder / "pictures" / f"{key}.png")
            write_bytes(paths[-1], figure_to_png(figure, DOTS_PER_INCH))
            lines += [f"![{key}](pictures/{key}.png)", ""]
    if names is None:
        paths.append(folder / "report.md")
        write_text(paths[-1], "\n".join(lines))
    return paths
