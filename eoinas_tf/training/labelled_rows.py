"""Labels with what they stand for, as aligned lines that fit a terminal."""

import textwrap
from collections.abc import Mapping

WIDTH = 79
LABEL_WIDTH = 16


def labelled_rows(rows: Mapping[str, str]) -> str:
    """Returns a line for each label, its text broken at spaces and indented; paths stay whole.

    Args:
        rows: Texts by label; a label without text is left out.
    """
    return "\n".join(
        textwrap.fill(
            text,
            WIDTH,
            initial_indent=f"  {label:<{LABEL_WIDTH - 2}}",
            subsequent_indent=" " * LABEL_WIDTH,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for label, text in rows.items()
        if text
    )
