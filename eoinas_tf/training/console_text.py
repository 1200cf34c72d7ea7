"""Labels with their texts, and commands, as lines that fit a terminal."""

import shlex
import textwrap
from collections.abc import Mapping

WIDTH = 79
LABEL_WIDTH = 16
# A space that never becomes a line break: between the words of a command, for example.
HARD_SPACE = "\N{NO-BREAK SPACE}"


def labelled_rows(rows: Mapping[str, str]) -> str:
    """Returns a line for each label, its text wrapped at spaces and indented; paths stay whole.

    Args:
        rows: Texts by label; a label without text is omitted.
    """
    shown = {label: text for label, text in rows.items() if text}
    # Two spaces before a label, one at least after it.
    width = max(LABEL_WIDTH, *(len(label) + 3 for label in shown)) if shown else LABEL_WIDTH
    return "\n".join(broken_lines(text, f"  {label:<{width - 2}}", " " * width) for label, text in shown.items())


def broken_lines(text: str, first_indent: str, indent: str) -> str:
    """Returns a text as lines that fit a terminal, wrapped at any space that is not hard.

    Args:
        text: The text.
        first_indent: Text before the first line.
        indent: Text before every other line.
    """
    lines = textwrap.fill(
        text, WIDTH, initial_indent=first_indent, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return lines.replace(HARD_SPACE, " ")


def broken_command(command: str) -> str:
    """Returns a command as indented lines that a shell reads as one command.

    Args:
        command: The command; words stay whole.
    """
    lines = [""]
    for word in map(shlex.quote, shlex.split(command)):
        if lines[-1] and len(lines[-1]) + len(word) > WIDTH - 6:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "  " + " \\\n    ".join(lines)
