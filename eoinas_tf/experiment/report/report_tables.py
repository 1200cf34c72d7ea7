"""The figures and tables of a page, as plain values: results, drops with reasons, counts, settings."""

import dataclasses
import math
from collections import Counter
from typing import Any, NamedTuple

from eoinas_tf.experiment.readable_values import duration, rounded_count
from eoinas_tf.experiment.report.run_commands import SHARED_SETTINGS
from eoinas_tf.experiment.report.run_record import CELL_TITLES, KINDS, SCORED_CELLS, RunRecord
from eoinas_tf.experiment.report.settings_as_flags import given_settings

NONE, SKIP_CONNECT = "none", "skip_connect"
MOST_CLASSES = 50


class Drop(NamedTuple):
    """A dropped operation.

    Args:
        epoch: The epoch at whose end it was dropped.
        cell: The cell type, in words.
        edge: The edge, such as `0-2`.
        operation: The operation.
        reason: The reason, in words.
    """

    epoch: int
    cell: str
    edge: str
    operation: str
    reason: str


class Setting(NamedTuple):
    """A setting of a run.

    Args:
        name: Its name.
        value: Its value, as written on the command line.
        is_default: Whether it is the default value.
        help: Its description.
    """

    name: str
    value: str
    is_default: bool
    help: str


def headline(record: RunRecord) -> str:
    """Returns the result of a run in one sentence.

    Args:
        record: The finished run.
    """
    summary, dataset = record.summary, record.settings.get("dataset")
    if not record.is_search:
        accuracy = f"{percent(summary.get('test_accuracy'))} of the test images of {dataset} are classified correctly"
        if summary.get("finished") is False:
            return f"{accuracy} after {summary.get('steps')} steps; --max_steps ended the training early."
        if summary.get("chosen_epoch"):
            return (
                f"{accuracy}, by the weights of epoch {summary['chosen_epoch']}; of the "
                f"{summary.get('validation_images')} validation images {percent(summary.get('validation_accuracy'))}."
            )
        return f"{accuracy}."
    if not record.has_trained:
        return f"{record.method} drew a cell; no network was trained and no image was read, so that nothing ranks it."
    accuracy = percent(summary.get("validation_accuracy"))
    if searches := summary.get("searches"):
        found = f"The best of {len(searches)} {record.method} searches on {dataset} found a cell"
    else:
        epochs = f" in {len(record.metrics)} epochs" if record.metrics else ""
        found = f"{record.method} found a cell on {dataset}{epochs}"
    return (
        f"{found}; it classifies {accuracy} of the validation half correctly in its own super network, which ranks "
        "searches and is not the final network's accuracy."
    )


def key_figures(record: RunRecord) -> dict[str, str]:
    """Returns the figures of a run by their labels.

    Args:
        record: The finished run.
    """
    summary = record.summary
    figures: dict[str, str] = {}
    if record.is_search:
        figures["validation accuracy"] = percent(summary.get("validation_accuracy"))
        if "searches" not in summary:
            figures["operations dropped"] = str(summary.get("dropped_operations", len(record.drops)))
    else:
        figures["test accuracy"] = percent(summary.get("test_accuracy"))
        figures["validation accuracy"] = percent(summary.get("validation_accuracy"))
        figures["chosen epoch"] = str(summary.get("chosen_epoch") or "")
        figures["balanced accuracy"] = percent(summary.get("test_balanced_accuracy"))
        figures["macro F1"] = percent(summary.get("test_macro_f1"))
        if len(record.classes) > 5:
            figures["top 5"] = percent(summary.get("test_top_5_accuracy"))
        if isinstance(loss := summary.get("test_loss"), float):
            figures["test loss"] = f"{loss:.4f}"
        for name in ("parameters", "multiply_adds"):
            if isinstance(count := summary.get(name), int):
                figures[name.replace("_", "-")] = rounded_count(count)
        channels, most = summary.get("init_channels"), record.settings.get("init_channels")
        if isinstance(channels, int) and isinstance(most, int) and channels < most:
            figures["channels within the budget"] = f"{channels} of {most}"
        if isinstance(latency := record.latency_budget.get("latency_milliseconds"), float):
            figures["latency when they were chosen"] = f"{latency:.3g} ms"
    if record.metrics:
        figures["epochs"] = str(len(record.metrics))
    timed = [line for line in record.timing if "seconds" in line]
    if seconds := sum(line["seconds"] for line in timed if SCORED_CELLS not in line):
        figures["time in the epochs"] = duration(seconds)
    if seconds := sum(line["seconds"] for line in timed if SCORED_CELLS in line):
        figures["time for scoring cells"] = duration(seconds)
    speeds = sorted(line["images_per_second"] for line in record.timing if "images_per_second" in line)
    if speeds:
        figures["images a second"] = f"{speeds[len(speeds) // 2]:.0f}"
    peaks = [line["peak_memory_gib"] for line in record.timing if "peak_memory_gib" in line]
    if peaks:
        figures["peak memory"] = f"{max(peaks):.2f} GiB"
    return {name: value for name, value in figures.items() if value}


def drop_table(record: RunRecord) -> list[Drop]:
    """Returns a search's drops in order, with the reason: its score compared with the next one's on its edge.

    Args:
        record: The finished run.
    """
    rows = []
    for drop in record.drops:
        cell, score = drop["cell"], record.score
        rows.append(
            Drop(
                drop["epoch"],
                CELL_TITLES[cell],
                f"{drop['from_node']}-{drop['to_node']}",
                drop["operation"],
                _reason(record, drop, drop.get(score) if score else None),
            )
        )
    return rows


def _reason(record: RunRecord, drop: dict[str, Any], value: float | None) -> str:
    scores = record.scores_at(drop["epoch"], drop["cell"], drop["edge"])
    if value is None:
        return "nothing ranked it"
    others = {name: scores[name] for name in drop.get("remaining", ()) if name in scores}
    if not others:
        return f"{record.score_label} {value:.4f}"
    following = min(others, key=lambda name: others[name])
    rank = "the lowest" if value <= others[following] else "not the lowest"
    return f"{record.score_label} {value:.4f}, {rank} of its edge; next: {following} {others[following]:.4f}"


def operation_counts(record: RunRecord) -> list[dict[str, Any]]:
    """Returns how often each operation occurs in the cells, one row per operation.

    Args:
        record: The finished run.

    Returns:
        Rows with `operation`, and by cell type how often the operation occurs in the cell.
    """
    counts = {cell: Counter(name for name, _ in pairs) for cell, pairs in record.cells.items()}
    names = dict.fromkeys([*record.operations, *(name for counter in counts.values() for name in counter)])
    return [{"operation": name, **{cell: counter[name] for cell, counter in counts.items()}} for name in names]


def edges_led_by(record: RunRecord) -> list[dict[str, Any]]:
    """Returns on how many edges of a search `none` and the identity had the highest score at its end.

    Args:
        record: The finished run.

    Returns:
        Rows with `operation`, and by cell type the number of edges; empty if nothing was ranked.
    """
    scores = {cell: values for cell in CELL_TITLES if (values := record.final_scores(cell)) is not None}
    # If all scores of an edge are equal, as with a method that ranks nothing, no operation leads it.
    leaders = {cell: [_leader(record.operations, row) for row in values.tolist()] for cell, values in scores.items()}
    if not any(leader for names in leaders.values() for leader in names):
        return []
    return [
        {"operation": name, **{cell: names.count(name) for cell, names in leaders.items()}}
        for name in (NONE, SKIP_CONNECT)
    ]


def _leader(names: list[str], row: list[float]) -> str:
    """Returns the operation with the highest score; empty if several share it."""
    best = max((value for value in row if not math.isnan(value)), default=math.nan)
    leaders = [name for name, value in zip(names, row, strict=True) if value == best]
    return leaders[0] if len(leaders) == 1 else ""


def score_table(record: RunRecord) -> dict[str, list[dict[str, Any]]]:
    """Returns the scores at the end of a search: by cell type one row per edge, with each score's share of the largest.

    Args:
        record: The finished run.

    Returns:
        Rows with `edge` and `values`, each (text, share from 0 to 1), empty where dropped.
    """
    tables = {}
    for cell in CELL_TITLES:
        scores = record.final_scores(cell)
        if scores is None:
            continue
        known = [value for value in scores.ravel().tolist() if not math.isnan(value)]
        low, high = min(known, default=0.0), max(known, default=0.0)
        span = high - low or 1.0
        tables[cell] = [
            {
                "edge": name,
                "values": [
                    ("", 0.0) if math.isnan(value) else (f"{value:.3f}", (value - low) / span) for value in row.tolist()
                ],
            }
            for name, row in zip(record.edge_names, scores, strict=True)
        ]
    return tables


def class_table(record: RunRecord) -> tuple[list[dict[str, str]], int]:
    """Returns the classes of a test, the least accurate first, and the number of further classes.

    Args:
        record: The finished run.
    """

    def accuracy(row: dict[str, str]) -> float:
        return float(row["accuracy"]) if row.get("accuracy") else math.inf

    rows = sorted(record.classes, key=accuracy)
    shown = [
        {**row, "accuracy": percent(float(row["accuracy"])) if row.get("accuracy") else ""}
        for row in rows[:MOST_CLASSES]
    ]
    return shown, len(rows) - len(shown)


def settings_table(record: RunRecord) -> list[Setting]:
    """Returns the settings of a run; those of other methods, which have no value, are left out.

    A choice among finished searches searched nothing itself: of its settings, only those of the images count.

    Args:
        record: The finished run.
    """
    fields = {field.name: field for field in dataclasses.fields(KINDS[record.settings["kind"]])}
    given = record.settings if record.config is None else given_settings(record.config)
    rows = []
    for name, value in record.settings.items():
        field = fields.get(name)
        if record.settings.get("select_from") and name not in ("run_dir", "select_from", *SHARED_SETTINGS):
            continue
        if name == "kind" or (value is None and field is not None and field.metadata["method_default"] is not None):
            continue
        help_text = field.metadata["help"] if field is not None else "A setting of another version."
        rows.append(Setting(name, setting_text(value), name not in given, help_text))
    return rows


def dataset_table(record: RunRecord) -> list[dict[str, Any]]:
    """Returns the number of images by class and part of the data set, with a first row for all classes.

    Args:
        record: The finished run.
    """
    names, parts = record.dataset.get("class_names", []), record.dataset.get("parts", {})
    if not names or not parts:
        return []
    rows: list[dict[str, Any]] = [
        {"class": f"all {len(names)} classes", "parts": {part: content["images"] for part, content in parts.items()}}
    ]
    for position, name in enumerate(names[:MOST_CLASSES]):
        rows.append(
            {"class": name, "parts": {part: content["images_by_class"][position] for part, content in parts.items()}}
        )
    return rows


def setting_text(value: Any) -> str:
    """Returns a value in readable form.

    Args:
        value: A JSON value.
    """
    if value is None:
        return "-"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)


def percent(value: Any) -> str:
    """Returns a fraction in percent, or an empty text for None.

    Args:
        value: The fraction, or None.
    """
    return "" if not isinstance(value, (int, float)) else f"{100 * value:.2f} %"
