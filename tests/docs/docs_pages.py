"""Where the pages of the documentation are, and how their tables are read."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def cells_of(line):
    """Returns the texts in a line of a table."""
    return [cell.strip() for cell in line.strip("|").split("|")]
