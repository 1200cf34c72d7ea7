"""Tables of values as Markdown, with headings in words and only significant digits."""

import math
from typing import Any

import pandas as pd

# Heading and decimals, by column.
COLUMNS = {
    "data_set": ("data set", 0),
    "mean": ("test accuracy, mean (%)", 2),
    "deviation": ("sd", 2),
    "sample_size": ("n", 0),
    "low": ("95 % bootstrap, from", 2),
    "high": ("to", 2),
    "t_half_width": ("95 % t, +-", 2),
    "improvement": ("RI over random (%)", 2),
    "picked": ("picked by validation (%)", 2),
    "parameters": ("parameters (M)", 3),
    "multiply_adds": ("multiply-adds (M)", 2),
    "search_seconds": ("search (s)", 0),
    "skips": ("skips, mean", 1),
    "none_edges": ("none edges, mean", 1),
    "warnings": ("warnings, all", 0),
    "between_trainings": ("sd between trainings of a cell", 2),
    "between_cells": ("sd between cells of a method", 2),
    "between_methods": ("sd between methods' means", 2),
    "tau": ("Kendall's tau", 2),
    "ceiling": ("noise ceiling", 2),
    "noise_degrees": ("df of the noise", 0),
    "at_end": ("by scores at the end (%)", 2),
    "difference": ("difference", 2),
    "points": ("difference (points)", 2),
    "points_low": ("95 % Dunnett, from", 2),
    "points_high": ("to", 2),
    "p_value": ("p", 3),
    "welch_low": ("95 % Welch, from", 2),
    "welch_high": ("to", 2),
    "networks": ("different networks", 0),
    "better": ("a searched cell is better (% of pairs)", 0),
    "same_multiply_adds": ("at equal multiply-adds", 2),
    "same_parameters": ("at equal parameters", 2),
    "min": ("lowest", 2),
    "max": ("highest", 2),
    "count": ("trainings", 0),
    "beta_count": ("values", 0),
    "beta_std": ("sd of beta", 4),
    "beta_min": ("lowest beta", 4),
    "beta_max": ("highest beta", 4),
    "epoch": ("after epoch", 0),
    "gap": ("first minus second on an edge", 4),
    "importance_epochs": ("I (epochs)", 3),
    "importance_relative": ("I (relative)", 3),
    "importance_steps": ("I (steps)", 3),
    "beta": ("beta", 3),
    "life": ("dropped after epoch", 0),
    "skip_edges": ("skip edges", 1),
    "edges": ("drops", 0),
    "by_beta": ("same by beta (%)", 1),
    "by_bonus": ("by the bonus (%)", 1),
    "by_both": ("by both (%)", 1),
    "by_chance": ("by chance (%)", 1),
    "accuracy_variation": ("Ca varies by (%)", 1),
    "iterations_variation": ("Ce varies by (%)", 1),
}
USUAL_DIGITS = 2
NOTHING = "-"


def markdown_table(table: pd.DataFrame) -> str:
    """Returns a table as Markdown, without columns that are empty.

    Args:
        table: The table, at least one row.
    """
    shown = [name for name in table.columns if not _says_nothing(table[name])]
    lines = [_line([COLUMNS.get(name, (name.replace("_", " "), 0))[0] for name in shown])]
    lines.append(_line(["---:" if pd.api.types.is_numeric_dtype(table[name]) else "---" for name in shown]))
    lines += [_line([cell_text(row[name], name) for name in shown]) for row in table.to_dict("records")]
    return "\n".join(lines)


def _says_nothing(column: pd.Series) -> bool:
    return bool(column.isna().all() or (column.astype(str) == "").all())


def cell_text(value: Any, name: str) -> str:
    """Returns a value as text for a table.

    Args:
        value: The value; None and NaN are a dash.
        name: Its column, which determines its decimals.
    """
    if isinstance(value, str):
        return value.replace("|", "\\|")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if isinstance(value, float):
        return f"{value:.{COLUMNS[name][1] if name in COLUMNS else USUAL_DIGITS}f}"
    return str(value)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
