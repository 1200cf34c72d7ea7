"""Runs a plan with several processes at a time; it stops in an orderly way and the same command resumes it."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from eoinas_tf.cpu_threads import THREADS_OF_AN_OPERATION, usable_cpus
from eoinas_tf.errors import EoinasError, StoppedError, StorageError
from eoinas_tf.experiment.atomic_files import make_folder
from eoinas_tf.experiment.readable_values import duration
from eoinas_tf.experiment.write_failures import write_failure
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.study.derived_cells import LETTERS_OF_A_DIGEST, is_done, settle_derived
from eoinas_tf.study.planned_run import PlannedRun
from eoinas_tf.study.run_images import RunImages
from eoinas_tf.study.study_file import folder_name
from eoinas_tf.study.time_estimate import TimeEstimate

POLL_SECONDS = 0.2
SECONDS_BETWEEN_LINES = 60.0
# File systems take 255 bytes; a digest tells longer names apart.
LONGEST_LOG_NAME = 200


def process_command(run: PlannedRun) -> list[str]:
    """Returns the command line of a run's process."""
    return [sys.executable, "-m", "eoinas_tf.commands.study_run", run.kind, *run.arguments]


class _Child(NamedTuple):
    run: PlannedRun
    process: subprocess.Popen
    log: IO[bytes]


class StudyRunner:
    """Works through a plan in order, each run in its own process.

    Args:
        runs: The runs, each after the one that it needs. Runs that others need may be done elsewhere.
        study_dir: The study's folder; logs go to `logs/` in it.
        jobs: Number of processes at a time.
        command: Returns the command line of a run.
        say: Prints a line.
        pause: Waits for some seconds.
    """

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        study_dir: Path,
        jobs: int,
        command: Callable[[PlannedRun], list[str]] = process_command,
        say: Callable[[str], None] = lambda line: print(line, flush=True),
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.study_dir = study_dir
        self.jobs = jobs
        self.command = command
        self.say = say
        self.pause = pause
        self.total = len(runs)
        self.estimate = TimeEstimate(jobs)
        self.failed: dict[str, tuple[int, Path]] = {}
        self._failed_folders: set[Path] = set()
        self._images = RunImages()
        self._waiting = list(runs)
        self._children: list[_Child] = []
        self._finished = 0
        self._goes_on = True

    def run(self, stop: StopSignals) -> None:
        """Runs everything that is not finished.

        Args:
            stop: Tells whether SIGTERM or SIGINT came.

        Raises:
            StoppedError: A signal came; every process has saved and ended.
            ConfigurationError: A finished run had other settings than the study gives now, or runs had other images.
            EoinasError: Runs failed; all others are finished.
        """
        self._leave_out_finished()
        self.say(self._progress())
        shown = time.monotonic()
        try:
            with stop.finishing():
                while (self._waiting and self._goes_on) or self._children:
                    if stop.received:
                        self._stop_children()
                        raise stop.error(f"{self._finished} of {self.total} runs are finished, begun ones are saved")
                    changed = self._collect() | self._start()
                    if changed or time.monotonic() - shown >= SECONDS_BETWEEN_LINES:
                        self.say(self._progress())
                        shown = time.monotonic()
                    if not changed:
                        self.pause(POLL_SECONDS)
        finally:
            self._stop_children()
        if self.failed:
            raise self._failure()

    def _leave_out_finished(self) -> None:
        """Removes the finished runs from the plan, and learns from them how long the others take."""
        waiting = []
        for planned in self._waiting:
            if not is_done(planned):
                waiting.append(planned)
                continue
            self._finished += 1
            run = settle_derived(planned)
            if run is not None:
                run.check_settings()
                self._images.check(run)
                self.estimate.add(run)
        self._waiting = waiting

    def _start(self) -> bool:
        """Starts as many runs as possible; returns whether anything changed."""
        changed = False
        for planned in list(self._waiting):
            if len(self._children) >= self.jobs or not self._goes_on:
                break
            if planned.search is not None and not planned.search.is_finished():
                if planned.search.title in self.failed or not self._will_be_searched(planned.search):
                    self._waiting.remove(planned)
                    self._fail(planned, "its search is not finished", 1)
                    changed = True
                continue
            run = settle_derived(planned)
            if run is None:
                self._waiting.remove(planned)
                self._finished += 1
                changed = True
                continue
            if run.folder in {child.run.folder for child in self._children} or run.holder():
                continue  # An equal cell is being trained, or a process left by an earlier study is saving.
            self._waiting.remove(planned)
            changed = True
            if run.folder in self._failed_folders:
                self._fail(run, "an equal cell failed", 1)
                continue
            if run.is_finished():
                self._finished += 1
                continue
            try:
                self._children.append(self._launch(run))
            except StorageError as error:
                self._fail(run, str(error), error.exit_status)
        return changed

    def _will_be_searched(self, search: PlannedRun) -> bool:
        """Tells whether a search is still to come, is running, or is run by another process."""
        ours = [*self._waiting, *(child.run for child in self._children)]
        return any(run.title == search.title for run in ours) or search.holder() is not None

    def _launch(self, run: PlannedRun) -> _Child:
        log_path = self._log_path(run)
        make_folder(log_path.parent)
        command = self.command(run)
        try:
            log = open(log_path, "ab", buffering=0)  # noqa: SIM115 -- held until the process ends
            log.write(f"\n$ {' '.join(command)}\n".encode())
        except OSError as error:
            raise write_failure(log_path, error) from None
        environment = dict(os.environ)
        if self.jobs > 1:
            environment.setdefault(THREADS_OF_AN_OPERATION, str(max(1, (usable_cpus() or 1) // self.jobs)))
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment
        )
        self.say(f"begins: {run.title}" if not run.finished_epochs() else f"continues: {run.title}")
        return _Child(run, process, log)

    def _log_path(self, run: PlannedRun) -> Path:
        name = folder_name(run.title)
        if len(name) > LONGEST_LOG_NAME:
            digest = hashlib.sha256(run.title.encode()).hexdigest()[:LETTERS_OF_A_DIGEST]
            name = f"{name[:LONGEST_LOG_NAME]}_{digest}"
        return self.study_dir / "logs" / f"{name}.log"

    def _collect(self) -> bool:
        """Records the processes that have ended; returns whether there were any."""
        ended = [child for child in self._children if child.process.poll() is not None]
        for child in ended:
            self._close(child)
            status = child.process.returncode
            if status == 0 and child.run.is_finished():
                self._finished += 1
                self.estimate.add(child.run)
                self.say(f"finished: {child.run.title}")
                self._images.check(child.run)
            else:
                self._fail(child.run, f"ended with status {status}", status)
        return bool(ended)

    def _fail(self, run: PlannedRun, why: str, status: int) -> None:
        path = self._log_path(run)
        self.failed[run.title] = (status or 1, path)
        self._failed_folders.add(run.folder)
        self.say(f"failed: {run.title}: {why}; see {path}")
        if status == StorageError.exit_status:
            self._goes_on = False  # On a full disk no other run would get further.

    def _stop_children(self) -> None:
        for child in self._children:
            child.process.terminate()
        for child in list(self._children):
            child.process.wait()
            self._close(child)

    def _close(self, child: _Child) -> None:
        self._children.remove(child)
        child.log.close()
        if child.process.stdin is not None:
            child.process.stdin.close()

    def _progress(self) -> str:
        left = [*self._waiting, *(child.run for child in self._children)]
        seconds, is_whole = self.estimate.seconds_left(left)
        running = ", ".join(
            f"{child.run.cell if child.run.kind == 'training' else child.run.title} "
            f"{child.run.finished_epochs()}/{child.run.epochs()} epochs"
            for child in self._children
        )
        text = f"{self._finished} of {self.total} runs finished"
        if self.failed:
            text += f", {len(self.failed)} failed"
        if running:
            text += f"; {running}"
        if left:
            text += f"; {'' if is_whole else 'more than '}{duration(seconds)} left"
        return text

    def _failure(self) -> EoinasError:
        title, (status, path) = next(iter(self.failed.items()))
        statuses = [status for status, _ in self.failed.values()]
        error = EoinasError(
            f"{len(self.failed)} of {self.total} runs are not finished, the first: {title} ({path}); the same command "
            "tries them again"
        )
        stopped = StoppedError.exit_status
        error.exit_status = stopped if stopped in statuses else status if status > 0 else 128 - status
        return error
