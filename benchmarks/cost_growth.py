"""Measures how a search's cost grows: `python benchmarks/cost_growth.py`.

It varies one setting at a time and measures each point twice, in a process of its own (`search_step.py`), the second
time in reverse order; the faster measurement counts. It also measures the peak memory after each epoch of a small
search. It writes `cost_growth.png` to this folder and the table to docs/performance_log.md. The last line is one JSON
object.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
from absl import app, flags

STEPS = flags.DEFINE_integer("steps", 10, "Pairs of steps to time at each point.", lower_bound=1)
EPOCHS = flags.DEFINE_integer("epochs", 60, "Epochs of the search whose memory is measured.", lower_bound=2)
FOLDER = Path(__file__).parent
BASE = {"init_channels": 16, "cells": 5, "batch_size": 32, "image_side": 32}
SWEEPS = {
    "cells": (3, 5, 8, 11),
    "init_channels": (4, 8, 16, 32),
    "batch_size": (16, 32, 64, 128),
    "image_side": (8, 16, 32, 64),
    "candidates": (2, 4, 6, 8),
    "logical_cpus": (1, 2),
}
WHAT = {
    "cells": "cells",
    "init_channels": "channels of the first cell",
    "batch_size": "images in a batch",
    "image_side": "height and width in pixels",
    "candidates": "candidates of an edge, of equal cost",
    "logical_cpus": "replicas on two cores",
}
MARKS = ("<!-- cost growth: begin -->", "<!-- cost growth: end -->")


def measure(setting: str, value: int) -> dict:
    """Returns what `search_step.py` measures with the base settings, one of them changed."""
    settings = {**BASE, setting: value}
    command = [sys.executable, str(FOLDER / "search_step.py"), f"--steps={STEPS.value}"]
    command += [f"--{name}={number}" for name, number in settings.items()]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    line = finished.stdout.splitlines()[-1]
    print(f"{setting}={value} {line}", flush=True)
    return json.loads(line)


def measure_there_and_back() -> dict[str, dict[int, dict]]:
    """Returns the faster of two measurements of each point, by setting and value."""
    points: dict[str, dict[int, dict]] = {setting: {} for setting in SWEEPS}
    there = [(setting, value) for setting, values in SWEEPS.items() for value in values]
    for setting, value in there + there[::-1]:
        measured = measure(setting, value)
        earlier = points[setting].get(value, measured)
        points[setting][value] = min(earlier, measured, key=lambda result: result["seconds_per_weight_step"])
    return points


def memory_by_epoch() -> list[float]:
    """Returns the peak memory in GiB after each epoch of a small search on the digits, drops included."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(FOLDER.parent / "run_search.py"), "--dataset=digits", "--cells=3"]
        command += ["--init_channels=2", "--batch_size=224", f"--epochs={EPOCHS.value}", "--warmup_epochs=1"]
        command += ["--pruning_after_epoch=2", f"--pruning_every_epochs={max(1, EPOCHS.value // 8)}"]
        subprocess.run([*command, f"--run_dir={folder}/run"], stdout=subprocess.DEVNULL, check=True)
        lines = Path(folder, "run", "timing.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["peak_memory_gib"] for line in lines]


def draw(points: dict[str, dict[int, dict]], memory: list[float], path: Path) -> None:
    """Draws the seconds over each setting's values, and the memory over epochs.

    Args:
        points: The measurements, by setting and value.
        memory: GiB after each epoch.
        path: The picture.
    """
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(2, 4, figsize=(16, 7), constrained_layout=True)
    panels = grid.flat
    for (setting, of_value), axes in zip(points.items(), panels, strict=False):
        for kind in ("weight", "architecture"):
            seconds = [measured[f"seconds_per_{kind}_step"] for measured in of_value.values()]
            axes.plot(list(of_value), seconds, "o-", label=f"{kind} step")
        axes.set(xlabel=WHAT[setting], ylabel="seconds", ylim=(0, None), xticks=list(of_value))
        axes.legend()
    axes = grid.flat[len(points)]
    for setting in ("cells", "init_channels", "batch_size", "image_side"):
        relative = [value / BASE[setting] for value in points[setting]]
        peaks = [measured["peak_memory_gib"] for measured in points[setting].values()]
        axes.plot(relative, peaks, "o-", label=WHAT[setting])
    axes.set(xlabel="times the base", ylabel="peak memory in GiB", ylim=(0, None))
    axes.legend()
    axes = grid.flat[len(points) + 1]
    axes.plot(range(1, len(memory) + 1), memory)
    axes.set(xlabel="epochs of a search with drops", ylabel="peak memory in GiB", ylim=(0, None))
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def table(points: dict[str, dict[int, dict]], memory: list[float]) -> str:
    """Returns the measured points as a Markdown table."""
    lines = [
        "| varied | value | weight step | architecture step | images a second | peak memory | to the first pair |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for setting, of_value in points.items():
        for value, measured in of_value.items():
            lines.append(
                f"| {WHAT[setting]} | {value} | {measured['seconds_per_weight_step']:.3f} s | "
                f"{measured['seconds_per_architecture_step']:.3f} s | {measured['images_per_second']:.0f} | "
                f"{measured['peak_memory_gib']:.2f} GiB | {measured['seconds_to_first_step']:.0f} s |"
            )
    quarter = len(memory) // 4
    lines += [
        "",
        f"Peak memory of a small search: {memory[quarter]:.3f} GiB after {quarter + 1} epochs, "
        f"{memory[-1]:.3f} GiB after {len(memory)}.",
    ]
    return "\n".join(lines)


def replace_table(page: str, text: str) -> str:
    """Returns a page with the text between the two marks replaced."""
    before, _, rest = page.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}"


def main(_: list[str]) -> None:
    """Measures all points, and draws and writes the results."""
    points = measure_there_and_back()
    memory = memory_by_epoch()
    draw(points, memory, FOLDER / "cost_growth.png")
    page = FOLDER.parent / "docs" / "performance_log.md"
    page.write_text(replace_table(page.read_text(encoding="utf-8"), table(points, memory)), encoding="utf-8")
    equal = [measured["seconds_per_weight_step"] for measured in points["candidates"].values()]
    growth = {"most_over_fewest_candidates": equal[-1] / equal[0], "memory": memory[-1] / memory[len(memory) // 4]}
    print(json.dumps({name: round(ratio, 3) for name, ratio in growth.items()}))


if __name__ == "__main__":
    app.run(main)
