"""A page that compares several finished runs."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.atomic_files import write_text
from eoinas_tf.experiment.figure_files import figure_to_svg
from eoinas_tf.experiment.report import report_tables as tables
from eoinas_tf.experiment.report.report_page import GENERATOR, render, run_title
from eoinas_tf.experiment.report.report_pictures import Picture, cell_pictures, data_address, draw_side_by_side
from eoinas_tf.experiment.report.run_record import CELL_TITLES, RunRecord, read_run

BYTES_OF_THE_HEAD = 1000


def write_comparison(run_dirs: Sequence[Path], path: Path) -> None:
    """Writes a page that compares finished runs.

    Args:
        run_dirs: Their folders.
        path: The page; only an earlier page of ours is replaced.

    Raises:
        RunDirectoryError: A folder does not hold a finished run, or there is a file of another kind at `path`.
        StorageError: The page could not be written.
    """
    if path.exists() and not _is_page_of_ours(path):
        raise RunDirectoryError(f"--output={path} exists and is no page that this command wrote; name another file")
    write_text(path, comparison_page([read_run(folder) for folder in run_dirs]))


def compared_folders(folder: Path) -> list[Path]:
    """Returns the folders of the searches that a folder chooses among; none if it is that of a single run.

    Args:
        folder: A run folder, of several seeds or of `--select_from`.
    """
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        searches = [(Path(search["run_dir"]), search) for search in summary.get("searches", [])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # What is wrong with the folder is said where it is read as a run.
    # Wherever the folder was moved to, the searches of several seeds are in it; a chosen one may be beside it.
    return [
        next(
            (place / path.name for place in (folder, path.parent, folder.parent) if _holds(place / path.name, search)),
            path,
        )
        for path, search in searches
    ]


def _holds(folder: Path, search: dict[str, Any]) -> bool:
    """Tells whether a folder holds a search: another one may have the same name."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return all(summary.get(name) == search[name] for name in ("seed", "validation_accuracy") if name in search)
    except (OSError, ValueError, AttributeError):
        return False


def comparison_page(records: Sequence[RunRecord]) -> str:
    """Returns the page that compares runs as HTML.

    Args:
        records: The finished runs.
    """
    labels = short_names([record.folder for record in records])
    figures = [tables.key_figures(record) for record in records]
    settings = [{setting.name: setting.value for setting in tables.settings_table(record)} for record in records]
    names = dict.fromkeys(name for values in settings for name in values if name != "run_dir")
    counts = [
        {cell: row.get(cell, 0) for row in tables.operation_counts(record) if row["operation"] == tables.SKIP_CONNECT
         for cell in CELL_TITLES}
        for record in records
    ]  # fmt: skip
    rows = {
        "what": [run_title(record) for record in records],
        "seed": [
            tables.setting_text(None if record.settings.get("select_from") else record.settings.get("seed"))
            for record in records
        ],
        **{name: [values.get(name, "") for values in figures] for name in dict.fromkeys(
            name for values in figures for name in values)},
        **{
            f"skip_connect in the {title} cell": [str(count.get(cell, "")) for count in counts]
            for cell, title in CELL_TITLES.items()
        },
    }  # fmt: skip
    differing = {
        name: [values.get(name, "") for values in settings]
        for name in names
        if len({values.get(name, "") for values in settings}) > 1
    }
    curves = [
        Picture(figure.axes[0].get_title(), data_address(figure_to_svg(figure), ".svg"))
        for figure in draw_side_by_side(records, labels)
    ]
    return render(
        "comparison.html.jinja",
        title=f"{len(records)} runs side by side",
        labels=labels,
        summaries=[(label, tables.headline(record)) for label, record in zip(labels, records, strict=True)],
        rows=rows,
        differing=differing,
        curves=curves,
        cells=[(label, cell_pictures(record)) for label, record in zip(labels, records, strict=True)],
    )


def short_names(folders: Sequence[Path]) -> list[str]:
    """Returns the folders' names without their common beginning.

    Args:
        folders: The folders.
    """
    absolute = [os.path.abspath(folder) for folder in folders]
    if len(set(absolute)) == 1:
        return [Path(path).name for path in absolute]
    common = os.path.commonpath(absolute)
    return [os.path.relpath(path, common) for path in absolute]


def _is_page_of_ours(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return GENERATOR.encode() in file.read(BYTES_OF_THE_HEAD)
    except OSError as error:
        raise RunDirectoryError(f"--output={path} cannot be written: {error.strerror}; name another file") from None
