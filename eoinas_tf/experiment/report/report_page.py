"""The page of one finished run: `report.html` in its folder, which needs no other file and no network."""

from pathlib import Path
from typing import Any

import jinja2

from eoinas_tf.experiment.atomic_files import write_text
from eoinas_tf.experiment.report import report_pictures as pictures
from eoinas_tf.experiment.report import report_tables as tables
from eoinas_tf.experiment.report.export_table import export_table
from eoinas_tf.experiment.report.run_commands import next_command_line, run_command_line
from eoinas_tf.experiment.report.run_record import CELL_TITLES, RunRecord, read_run

REPORT_NAME = "report.html"
# Identifies a page of ours before another one replaces it.
GENERATOR = "eoinas_tf report"
# Settings that name the network of a training run, the most important first.
NETWORK_NAMES = ("genotype", "initial_weights", "network")


def write_report(run_dir: Path) -> Path:
    """Writes `report.html` into a run's folder, from the folder's contents.

    Args:
        run_dir: The folder of a finished search or evaluation.

    Returns:
        The page.

    Raises:
        RunDirectoryError: It is not a run's folder, its run is not finished, or a file is damaged.
        StorageError: The page could not be written.
    """
    path = run_dir / REPORT_NAME
    write_text(path, report_page(read_run(run_dir)))
    return path


def report_page(record: RunRecord) -> str:
    """Returns the page of a run as HTML.

    Args:
        record: The finished run.
    """
    next_words, next_command = next_command_line(record)
    shown_classes, more_classes = tables.class_table(record)
    return render(
        "report.html.jinja",
        record=record,
        title=run_title(record),
        cell_titles=CELL_TITLES,
        headline=tables.headline(record),
        figures=tables.key_figures(record),
        warnings=record.summary.get("warnings", []),
        cells=pictures.cell_pictures(record),
        curves=pictures.curve_pictures(record),
        counts=tables.operation_counts(record),
        led=tables.edges_led_by(record),
        scores=tables.score_table(record),
        score_curves=pictures.score_pictures(record),
        drops=tables.drop_table(record),
        drop_pictures=pictures.drop_pictures(record),
        confusions=pictures.confusion_pictures(record),
        classes=shown_classes,
        more_classes=more_classes,
        exports=export_table(record),
        settings=tables.settings_table(record),
        dataset=tables.dataset_table(record),
        environment={name: tables.setting_text(value) for name, value in record.environment.items()},
        command=run_command_line(record),
        next_words=next_words,
        next_command=next_command,
    )


def run_title(record: RunRecord) -> str:
    """Returns a run's title of a few words.

    Args:
        record: The finished run.
    """
    dataset = record.settings.get("dataset")
    if record.is_search:
        return f"{record.method} search on {dataset}" if record.has_trained else f"{record.method} cell"
    network = next((record.settings[key] for key in NETWORK_NAMES if record.settings.get(key)), "network")
    if "/" in str(network):
        network = f"cells of {record.genotype.get('source') or network}"
    return f"{'Training' if record.metrics else 'Test'} on {dataset}: {network}"


def render(template: str, **values: Any) -> str:
    """Fills in a template of this folder; all text in it is escaped.

    Args:
        template: Its file.
        **values: The template's variables.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(generator=GENERATOR, **values)
