"""Measures how much time kills cost a search.

    python benchmarks/useful_time.py --flagfile=flags/search_cifar10.flags --data_dir=DIR

It runs `run_search.py` with the given flags, first without checkpoints within epochs, then with one after each step,
kills it and continues it. From the seconds of a step, a checkpoint and a restart it computes the useful share of the
time for a process that is killed every `--hours_between_kills` at random: on average, a kill costs half of the steps
between two checkpoints, and the restart. The last line is one JSON object.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "run_search.py"
REPORT = re.compile(r"(\d+\.\d+) s to the end of the first step, (\d+\.\d+) s a step")


def useful_share(save: float, restart: float, between_saves: float, between_kills: float) -> float:
    """Returns the share of the time that is spent on steps that are not lost.

    Args:
        save: Seconds to write a checkpoint.
        restart: Seconds from a process's start to the end of its first step.
        between_saves: Seconds of steps between two checkpoints.
        between_kills: Seconds between two kills.
    """
    lost_by_kill = restart + between_saves / 2
    return (1 - lost_by_kill / between_kills) * between_saves / (between_saves + save)


def search(flags: list[str], *more: str) -> tuple[float, float]:
    """Runs a search that ends by `--max_steps`.

    Args:
        flags: Flags of `run_search.py`.
        *more: Further flags, which are printed.

    Returns:
        Seconds to the end of the first step, and seconds of a later step.
    """
    command = [sys.executable, str(SCRIPT), *flags, *more]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = REPORT.search(output)
    if found is None:
        raise SystemExit(f"run_search.py reported no times; it wrote: {output}")
    print(f"{' '.join(more) or 'no checkpoints'}: {found[0]}", flush=True)
    return float(found[1]), float(found[2])


def kill_after_checkpoint(flags: list[str], folder: Path) -> None:
    """Runs a search and kills it after its first checkpoint."""
    process = subprocess.Popen([sys.executable, str(SCRIPT), *flags], stdout=subprocess.DEVNULL)
    while process.poll() is None and not list(folder.glob("checkpoints/ckpt-*[0-9]")):
        time.sleep(0.05)
    process.kill()
    process.wait()


def main() -> None:
    """Measures and prints the useful share; flags that are not its own are passed on to `run_search.py`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--hours_between_kills", type=float, default=2.0)
    parser.add_argument("--minutes_between_saves", type=float, default=5.0)
    parser.add_argument("--steps", type=int, default=12, help="steps of each run")
    own, flags = parser.parse_known_args()
    flags.append(f"--max_steps={own.steps}")
    with tempfile.TemporaryDirectory() as parent:
        _, step = search(flags, f"--run_dir={parent}/plain")
        _, step_and_save = search(flags, f"--run_dir={parent}/saving", "--checkpoint_every_steps=1")
        killed = Path(parent, "killed")
        in_killed = (f"--run_dir={killed}", "--checkpoint_every_steps=2")
        kill_after_checkpoint([*flags, *in_killed], killed)
        restart, _ = search(flags, *in_killed)
    save = max(0.0, step_and_save - step)
    share = useful_share(save, restart, 60 * own.minutes_between_saves, 3600 * own.hours_between_kills)
    figures = {"seconds_per_step": step, "seconds_per_save": round(save, 2), "seconds_to_restart": restart}
    print(json.dumps({**figures, "useful_share": round(share, 4)}))


if __name__ == "__main__":
    main()
