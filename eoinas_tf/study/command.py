"""The command `python -m eoinas_tf.study`: runs a study, and makes its tables, pictures and pages."""

import argparse
import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from eoinas_tf.command_line import exit_with_error
from eoinas_tf.enduring_output import enduring_output
from eoinas_tf.errors import ConfigurationError, EoinasError, RunDirectoryError
from eoinas_tf.experiment.readable_values import duration
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.study.derived_cells import is_done, settle_derived
from eoinas_tf.study.plan_parts import parse_part, part_of_plan
from eoinas_tf.study.planned_run import PlannedRun
from eoinas_tf.study.run_records import pack_records
from eoinas_tf.study.study_file import DERIVED_KINDS, Study, folder_name, read_study
from eoinas_tf.study.study_plan import plan_study
from eoinas_tf.study.study_runner import StudyRunner
from eoinas_tf.study.time_estimate import TimeEstimate

USAGE = """python -m eoinas_tf.study FILE            runs a study; the same command continues it
       python -m eoinas_tf.study report FILE     gathers its runs: CSV, tables and pictures of all analyses
       python -m eoinas_tf.study ANALYSIS FILE   the tables and pictures of one analysis
       python -m eoinas_tf.study records FILE    packs the records of its finished runs, to continue elsewhere
       python -m eoinas_tf.study page FOLDER     writes FOLDER/README.md from FOLDER/*.csv and FOLDER/page.md"""
RESULTS = "results"
RECORDS = "records.tar.xz"


def main(arguments: list[str]) -> None:
    """Runs a command line and exits.

    Args:
        arguments: The command line without the program.
    """
    with enduring_output():
        try:
            with StopSignals() as stop:
                _do(arguments, stop)
        except EoinasError as error:
            exit_with_error(str(error), error.exit_status, error.heading)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; see python -m eoinas_tf.study --help")


def _do(arguments: list[str], stop: StopSignals) -> None:
    if arguments[:1] == ["page"]:
        _page(arguments[1:])
        return
    name = _name_in_front(arguments)
    options = _options(arguments[1:] if name else arguments, is_run=not name)
    study = read_study(Path(options.file))
    study_dir = Path(options.study_dir or Path("runs", folder_name(Path(options.file).stem))).expanduser()
    study_dir = Path(os.path.relpath(study_dir))
    plan = plan_study(study, study_dir)
    if name == "records":
        _pack(plan, study_dir, Path(options.output or study_dir / RECORDS).expanduser())
        return
    if name:
        _analyse(name, study, plan, Path(options.output or study_dir / RESULTS / study.path.stem).expanduser())
        return
    chosen = _chosen_runs(plan, options)
    if options.dry_run:
        _print_plan(chosen, options.jobs)
        return
    with _locked(study_dir, options.part or "whole"):
        StudyRunner(chosen, study_dir, options.jobs).run(stop)
    # Several parts may end at the same time, and each may find that all others are finished.
    with _locked(study_dir, "report", waits=True):
        left = sum(not is_done(run) for run in plan)
        if left:
            what = "runs of other parts" if options.part and not options.only else "other runs of the study"
            print(f"this part is finished; {left} {what} are not; then: report {options.file}", flush=True)
            return
        _analyse("report", study, plan, study_dir / RESULTS / study.path.stem)


def _name_in_front(arguments: list[str]) -> str:
    """Returns the name of what is to be made of a study's runs; empty if the runs are to be made."""
    first, *others = arguments or [""]
    is_alone = all(word.startswith("-") for word in others)
    is_file = "." in first or Path(first).is_file()
    return "" if first.startswith("-") or is_alone or is_file else first


def _options(arguments: list[str], is_run: bool) -> argparse.Namespace:
    parser = _Parser(prog="python -m eoinas_tf.study", usage=USAGE, allow_abbrev=False)
    parser.add_argument("file", metavar="FILE", help="the study: a JSON file, see docs/studies.md")
    parser.add_argument(
        "--study_dir", help="folder that receives everything; by default runs/NAME, after the file's name"
    )
    if is_run:
        parser.add_argument("--jobs", type=_at_least_one, default=1, help="processes at a time")
        parser.add_argument("--part", help="such as 3/8: only the third of eight parts, on a disk that all parts share")
        parser.add_argument("--only", help=f"only trainings of these derived cells: {', '.join(DERIVED_KINDS)}")
        parser.add_argument(
            "--dry_run", action="store_true", help="print the plan with an estimate of hours; run nothing"
        )
    else:
        parser.add_argument(
            "--output",
            help=f"folder of CSV files, tables and pictures, by default results/NAME in the study's; for records, the "
            f"file, by default {RECORDS} there",
        )
    return parser.parse_args(arguments)


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more. Received: {text}")
    return int(text)


def _chosen_runs(plan: list[PlannedRun], options: argparse.Namespace) -> list[PlannedRun]:
    runs = plan
    if options.only:
        kinds = options.only.split(",")
        for kind in kinds:
            if kind not in DERIVED_KINDS:
                raise ConfigurationError(f"--only must be of {', '.join(DERIVED_KINDS)}. Received: {kind}")
        wanted = [run for run in plan if run.role in kinds]
        needed = {run.search.title for run in wanted if run.search}
        runs = [run for run in plan if run.role in kinds or (run.kind == "search" and run.title in needed)]
    if options.part:
        runs = part_of_plan(runs, *parse_part(options.part))
    return runs


def _print_plan(runs: list[PlannedRun], jobs: int) -> None:
    """Prints a line for each run and an estimate for all of them."""
    finished = [run for run in runs if is_done(run)]
    estimate = TimeEstimate(jobs, (run for run in map(settle_derived, finished) if run is not None))
    for run in runs:
        whole = estimate.whole_seconds(run)
        time_text = "?" if whole is None else duration(whole)
        epochs = run.finished_epochs()
        state = "finished" if run in finished else f"{epochs} of {run.epochs()} epochs" if epochs else "new"
        print(f"{time_text:>9}  {state:<18}  {run.title}")
    seconds, is_whole = estimate.seconds_left([run for run in runs if run not in finished])
    source = "its own finished runs" if finished else "figures of two CPU cores; other machines and methods differ"
    print(
        f"{len(runs)} runs, {len(finished)} finished; {'' if is_whole else 'more than '}{seconds / 3600:.1f} hours "
        f"left with --jobs={jobs}, estimated from {source}",
        flush=True,
    )


def _analyse(name: str, study: Study, plan: list[PlannedRun], folder: Path) -> None:
    """Gathers the finished runs and writes the tables and pictures of one or all analyses."""
    # Here, because importing pandas and seaborn takes seconds that a run of the study need not wait for.
    from eoinas_tf.study.analyses import ANALYSES, write_analyses
    from eoinas_tf.study.gathered_results import gather_results

    if name != "report" and name not in ANALYSES:
        raise ConfigurationError(
            f"no analysis has this name; there are report, records, {', '.join(ANALYSES)}. Received: {name}"
        )
    results = gather_results(plan)
    results.write(folder)
    for path in write_analyses(results, folder, study.title, None if name == "report" else [name]):
        print(path, flush=True)


def _pack(plan: list[PlannedRun], study_dir: Path, archive: Path) -> None:
    count = pack_records(plan, study_dir, archive)
    print(f"{archive}: the records of {count} finished runs; tar -xf unpacks them into another study's folder")


def _page(arguments: list[str]) -> None:
    from eoinas_tf.study.results_page import write_page

    parser = _Parser(prog="python -m eoinas_tf.study page", allow_abbrev=False)
    parser.add_argument("folder", metavar="FOLDER", help="folder with the CSV files and page.md")
    for path in write_page(Path(parser.parse_args(arguments).folder)):
        print(path, flush=True)


@contextlib.contextmanager
def _locked(study_dir: Path, part: str, waits: bool = False) -> Iterator[None]:
    """Lets one process at a time run a part of the study; another one waits for its turn or is refused."""
    try:
        study_dir.mkdir(parents=True, exist_ok=True)
        lock = open(study_dir / f"{folder_name(part)}.lock", "a", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise RunDirectoryError(f"--study_dir={study_dir} cannot be used: {error.strerror}; name another one") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            raise RunDirectoryError(
                f"--study_dir={study_dir} is in use: another process runs this part of it; wait for it or stop it"
            ) from None
        yield
