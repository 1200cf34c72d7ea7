"""The paths of the documentation's pages, and how to read their tables."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def cells_of(line):
    """Returns the texts in a line of a table."""
    return [cell.strip() for cell in line.strip("|").split("|")]
