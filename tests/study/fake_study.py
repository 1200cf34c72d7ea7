"""Runs a study with `fake_run.py` for its searches and training runs: `python fake_study.py FILE STUDY_DIR JOBS`."""

import sys
from pathlib import Path

from eoinas_tf.errors import EoinasError
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.study.study_file import read_study
from eoinas_tf.study.study_plan import plan_study
from eoinas_tf.study.study_runner import StudyRunner


def fake_command(run):
    return [sys.executable, str(Path(__file__).with_name("fake_run.py")), run.kind, *run.arguments]


def main(file, study_dir, jobs):
    runs = plan_study(read_study(Path(file)), Path(study_dir))
    try:
        with StopSignals() as stop:
            StudyRunner(runs, Path(study_dir), int(jobs), fake_command).run(stop)
    except EoinasError as error:
        print(f"{error.heading}: {error}", file=sys.stderr)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main(*sys.argv[1:])
