"""Labels with what they stand for, and commands, as lines that fit a terminal."""

import shlex
import textwrap
from collections.abc import Mapping

WIDTH = 79
LABEL_WIDTH = 16
# A space at which no line is broken: between the words of a command, say.
HARD_SPACE = "\N{NO-BREAK SPACE}"


def labelled_rows(rows: Mapping[str, str]) -> str:
    """Returns a line for each label, its text broken at spaces and indented; paths stay whole.

    Args:
        rows: Texts by label; a label without text is left out.
    """
    return "\n".join(
        broken_lines(text, f"  {label:<{LABEL_WIDTH - 2}}", " " * LABEL_WIDTH) for label, text in rows.items() if text
    )


def broken_lines(text: str, first_indent: str, indent: str) -> str:
    """Returns a text as lines that fit a terminal, broken at its spaces that are not hard.

    Args:
        text: The text.
        first_indent: What the first line begins with.
        indent: What the other lines begin with.
    """
    lines = textwrap.fill(
        text, WIDTH, initial_indent=first_indent, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return lines.replace(HARD_SPACE, " ")


def broken_command(command: str) -> str:
    """Returns a command as indented lines that a shell takes for one.

    Args:
        command: The command; words stay whole.
    """
    lines = [""]
    for word in map(shlex.quote, shlex.split(command)):
        if lines[-1] and len(lines[-1]) + len(word) > WIDTH - 6:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "  " + " \\\n    ".join(lines)
