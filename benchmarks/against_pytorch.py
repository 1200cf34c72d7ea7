"""Times this package and the reference implementations in PyTorch alternately, and prints the ratios.

    python benchmarks/against_pytorch.py --pytorch_python=PYTHON --gdas=AutoDL-Projects --darts=darts --runs=3

PYTHON is an interpreter with PyTorch, which may be that of another environment. Only ratios of consecutive runs are
comparable, because a machine's speed changes within an hour. The last line is one JSON object: for each measurement,
the median ratio of this package's images per second to the reference's.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from absl import app, flags

PYTORCH_PYTHON = flags.DEFINE_string("pytorch_python", sys.executable, "Interpreter with PyTorch.")
GDAS = flags.DEFINE_string("gdas", None, "Checkout of AutoDL-Projects; by default the search is not timed.")
DARTS = flags.DEFINE_string("darts", None, "Checkout of DARTS; by default the training is not timed.")
RUNS = flags.DEFINE_integer("runs", 3, "Runs of each program.", lower_bound=1)
STEPS = flags.DEFINE_integer("steps", 10, "Steps, or pairs of steps, to time in each run.", lower_bound=1)
FOLDER = Path(__file__).parent
SETTINGS = {
    "search": ("--init_channels=16", "--cells=8", "--batch_size=64"),
    "evaluation": ("--init_channels=36", "--cells=20", "--batch_size=32"),
}


def timed(kind: str, command: list[str]) -> dict:
    """Runs one benchmark and returns its JSON line."""
    command = [*command, *SETTINGS[kind], f"--steps={STEPS.value}"]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    line = finished.stdout.splitlines()[-1]
    print(f"{kind} {Path(command[1]).name} {line}", flush=True)
    return json.loads(line)


def main(_: list[str]) -> None:
    """Runs both programs of each comparison alternately."""
    figures = {}
    for kind, code in (("search", GDAS.value), ("evaluation", DARTS.value)):
        if code is None:
            continue
        pairs = []
        for _ in range(RUNS.value):
            theirs = timed(kind, [PYTORCH_PYTHON.value, str(FOLDER / "pytorch_reference.py"), kind, code])
            ours = timed(kind, [sys.executable, str(FOLDER / f"{kind}_step.py")])
            pairs.append((ours["images_per_second"], theirs["images_per_second"]))
        figures[kind] = {
            "images_per_second": statistics.median(ours for ours, _ in pairs),
            "images_per_second_pytorch": statistics.median(theirs for _, theirs in pairs),
            "ratio": round(statistics.median(ours / theirs for ours, theirs in pairs), 2),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    app.run(main)
