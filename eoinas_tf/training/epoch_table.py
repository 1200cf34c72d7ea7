"""The table that a run writes on the console, a row for each epoch."""

from collections.abc import Sequence

from eoinas_tf.training.progress import Progress

FEWEST_COLUMNS = 7


class EpochTable:
    """Writes rows below one row of titles.

    Args:
        progress: The console.
        titles: Titles of the columns; a value wider than its column shifts the rest of its row.
    """

    def __init__(self, progress: Progress, titles: Sequence[str]) -> None:
        self._progress = progress
        self._titles = tuple(titles)
        self._has_titles = False

    def add(self, values: Sequence[str]) -> None:
        """Writes a row.

        Args:
            values: A text for each column.
        """
        if not self._has_titles:
            self._progress.say("\n" + self._line(self._titles))
            self._has_titles = True
        self._progress.say(self._line(values))

    def _line(self, texts: Sequence[str]) -> str:
        widths = (max(FEWEST_COLUMNS, len(title)) for title in self._titles)
        return "  ".join(f"{text:>{width}}" for text, width in zip(texts, widths, strict=True))


def percent_text(fraction: float | None) -> str:
    """Returns a fraction in percent without the sign, or - if there is none."""
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def loss_text(loss: float | None) -> str:
    """Returns a loss in at most seven characters, or - if there is none."""
    if loss is None:
        return "-"
    digits = 4 if abs(loss) < 99.99995 else 1
    return f"{loss:.{digits}f}" if abs(loss) < 99999.95 else f"{loss:.1e}"


def speed_text(images_per_second: float) -> str:
    """Returns images per second, with one decimal if there are few."""
    return f"{images_per_second:.1f}" if images_per_second < 100 else f"{images_per_second:.0f}"
