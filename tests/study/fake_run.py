"""Replaces a search or a training run in tests of the runner: writes the same files, and trains nothing.

`python fake_run.py search|training --run_dir=FOLDER ...`; environment: FAKE_SECONDS per epoch, FAKE_FAILURE a part of
the folder's name and the exit status with which such a run ends.
"""

import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path

from small_search import write_search

from eoinas_tf.config import SearchConfig
from eoinas_tf.flag_definitions import config_from_arguments

EPOCHS = 3


def main(kind, arguments):
    flags = dict(argument[2:].split("=", 1) for argument in arguments)
    folder = Path(flags["run_dir"])
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / "lock", "w", encoding="utf-8")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(4)
    genotype = flags.get("genotype", "")
    if genotype.endswith(".json") and not Path(genotype).exists():
        sys.exit(1)  # Like run_eval.py.
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    part, _, status = os.environ.get("FAKE_FAILURE", "").partition("=")
    if part and part in str(folder):
        sys.exit(int(status))
    with open(folder / "starts", "a", encoding="utf-8") as starts:
        starts.write("start\n")
    metrics = folder / "metrics.jsonl"
    while not metrics.exists() or metrics.read_text().count("\n") < EPOCHS:
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
        if stopped or os.getppid() == 1:
            sys.exit(42)
        with open(metrics, "a", encoding="utf-8") as lines:
            lines.write("{}\n")
    with open(folder / "ends", "a", encoding="utf-8") as ends:
        ends.write("end\n")
    if kind == "search":
        kept = metrics.read_bytes()
        write_search(folder, epochs=int(flags["epochs"]), seed=int(flags["seed"]))
        metrics.write_bytes(kept)
        settings = json.loads(config_from_arguments(SearchConfig, arguments).to_json())
        settings |= json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(settings))
    else:
        (folder / "genotype_used").write_text(genotype)
        summary = {"finished": True, "test_accuracy": 0.5}
        (folder / "summary.tmp").write_text(json.dumps(summary))
        os.replace(folder / "summary.tmp", folder / "summary.json")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
